"""Where the system runs that is operated: the local cloud, or a stack in AWS."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from types_boto3_lambda import LambdaClient
    from types_boto3_secretsmanager import SecretsManagerClient
    from types_boto3_sqs import SQSClient

LONGEST_CALL = 910
"""Seconds: a function runs for 15 minutes at most."""


class OperateError(Exception):
    """What the operator can mend; the message says what."""


class FunctionFailedError(OperateError):
    """A function ended with an error; trying again may work."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """One deployed system: its stack's outputs and parameters, and clients of its services."""

    name: str
    webhook_url: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]
    functions: LambdaClient
    queues: SQSClient
    secrets: SecretsManagerClient

    def call(self, output: str, payload: Mapping[str, object]) -> dict[str, Any]:
        """Return what the function answers whose name is this output of the stack.

        Raises
        ------
        FunctionFailedError
            The function ended with an error.
        OperateError
            The stack has no such function.
        """
        answer = self.functions.invoke(
            FunctionName=self.output(output), Payload=json.dumps(dict(payload)).encode()
        )
        content = json.loads(answer["Payload"].read())
        if answer.get("FunctionError"):
            raise FunctionFailedError(str(content.get("errorMessage") or content.get("errorType")))
        if not isinstance(content, dict):
            raise FunctionFailedError("the function did not answer with an object")
        return content

    def output(self, name: str) -> str:
        """Return an output of the stack.

        Raises
        ------
        OperateError
            It has none of that name.
        """
        if name not in self.outputs:
            raise OperateError(f"the stack {self.name} has no output {name}: deploy this version first")
        return self.outputs[name]


def find_cloud(stack: str | None) -> Cloud:
    """Return the stack of this name in AWS, by the usual credentials; without a name the local cloud.

    Raises
    ------
    OperateError
        There is no such stack, or the local cloud does not run.
    """
    return _local() if stack is None else _in_aws(stack)


def _in_aws(name: str) -> Cloud:
    import boto3  # noqa: PLC0415 - half a second that `--help` need not pay
    from botocore.config import Config  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        described = boto3.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
        patient = Config(read_timeout=LONGEST_CALL, retries={"total_max_attempts": 1})
        clients = boto3.client("lambda", config=patient), boto3.client("sqs"), boto3.client("secretsmanager")
    except (BotoCoreError, ClientError) as error:
        raise OperateError(f"the stack {name} cannot be read: {error}") from error
    outputs = {item["OutputKey"]: item["OutputValue"] for item in described.get("Outputs", [])}
    parameters = {item["ParameterKey"]: item["ParameterValue"] for item in described.get("Parameters", [])}
    return Cloud(name, outputs.get("WebhookUrl", ""), outputs, parameters, *clients)


def _local() -> Cloud:
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415

    from local.aws import REGION  # noqa: PLC0415 - what runs in AWS needs nothing of the local cloud
    from local.deploy import STACK  # noqa: PLC0415
    from local.endpoints import Endpoints  # noqa: PLC0415
    from local.paths import LocalPaths  # noqa: PLC0415
    from local.stack import find_stack  # noqa: PLC0415

    endpoints = Endpoints.load(LocalPaths.from_environment().endpoints)
    if endpoints is None:
        raise OperateError("nothing runs here: `make dev DETACH=1` starts it; STACK=… names a stack in AWS")
    session = boto3.Session(
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - the local server takes any
        region_name=REGION,
    )
    url = endpoints.aws_endpoint_url
    try:
        stack = find_stack(session.client("cloudformation", endpoint_url=url), STACK)
    except BotoCoreError as error:
        raise OperateError(f"the local cloud does not answer at {url}: `make dev DETACH=1`") from error
    if stack is None:
        raise OperateError("nothing is deployed here yet: `make dev DETACH=1`")
    patient = Config(read_timeout=LONGEST_CALL, retries={"total_max_attempts": 1})
    return Cloud(
        name=STACK,
        webhook_url=endpoints.webhook_url,
        outputs=stack.outputs,
        parameters=stack.parameters,
        functions=session.client("lambda", endpoint_url=url, config=patient),
        queues=session.client("sqs", endpoint_url=url),
        secrets=session.client("secretsmanager", endpoint_url=url),
    )
