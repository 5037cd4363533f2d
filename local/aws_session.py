"""Clients of the local AWS that cannot reach a real account by mistake."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

from local.aws import REGION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from types_boto3_apigatewayv2 import ApiGatewayV2Client
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_lambda import LambdaClient
    from types_boto3_secretsmanager import SecretsManagerClient
    from types_boto3_sqs import SQSClient


class LogsClient(Protocol):
    """What is needed of CloudWatch Logs' client."""

    def filter_log_events(self, **arguments: Any) -> Any:
        """Return a page of events."""
        ...


class LocalClients:
    """boto3 clients of one local AWS, with the endpoint and made-up keys given outright."""

    def __init__(self, endpoint: str) -> None:
        # Half a second that `status`, `stop` and `logs` need not pay.
        import boto3  # noqa: PLC0415

        session = boto3.Session(
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - the local server takes any
            region_name=REGION,
        )
        self.cloudformation: CloudFormationClient = session.client("cloudformation", endpoint_url=endpoint)
        self.api: ApiGatewayV2Client = session.client("apigatewayv2", endpoint_url=endpoint)
        self.functions: LambdaClient = session.client("lambda", endpoint_url=endpoint)
        self.queues: SQSClient = session.client("sqs", endpoint_url=endpoint)
        self.logs: LogsClient = session.client("logs", endpoint_url=endpoint)
        self.secrets: SecretsManagerClient = session.client("secretsmanager", endpoint_url=endpoint)

    def queue_is_empty(self, url: str) -> bool:
        """Return whether no message waits, hides or is being worked on in a queue."""
        attributes = self.queues.get_queue_attributes(
            QueueUrl=url,
            AttributeNames=[
                "ApproximateNumberOfMessages",
                "ApproximateNumberOfMessagesNotVisible",
                "ApproximateNumberOfMessagesDelayed",
            ],
        )["Attributes"]
        return all(value == "0" for value in attributes.values())

    def put_secret(self, name: str, content: Mapping[str, object]) -> str:
        """Store a secret as JSON under this name, if it is not there already, and return its ARN."""
        text = json.dumps(content)
        client = self.secrets
        try:
            present = client.get_secret_value(SecretId=name)
        except client.exceptions.ResourceNotFoundException:
            return client.create_secret(Name=name, SecretString=text)["ARN"]
        if present["SecretString"] != text:
            client.put_secret_value(SecretId=name, SecretString=text)
        return present["ARN"]
