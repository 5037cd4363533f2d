"""What a deployed stack looks like: outputs, resources, and its template with intrinsics resolved."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from local.aws import ACCOUNT, REGION
from local.problems import LocalCloudError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from types_boto3_cloudformation import CloudFormationClient

STANDING = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"})
"""What a stack that can be used and updated is called."""
_PLACEHOLDER = re.compile(r"\$\{([^}]+)\}")
_PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::URLSuffix": "amazonaws.com",
}


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack as CloudFormation describes it.

    `resources` maps a logical id to its physical id, `template` is the one that SAM expanded; it is empty
    when the stack does not stand.
    """

    name: str
    status: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]
    resources: Mapping[str, str]
    template: Mapping[str, Any]

    def resolve(self, value: Any) -> Any:
        """Return a template value with Ref, Fn::Sub and Fn::GetAtt of functions' Arn put in.

        Raises
        ------
        LocalCloudError
            The value uses an intrinsic or a name that is not known here.
        """
        if isinstance(value, list):
            return [self.resolve(item) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            name, argument = next(iter(value.items()))
            if name == "Ref":
                return self._reference(argument, {})
            if name == "Fn::Sub":
                return self._substitute(argument)
            if name == "Fn::GetAtt":
                return self._reference(".".join(argument) if isinstance(argument, list) else argument, {})
            if name.startswith("Fn::"):
                raise LocalCloudError(f"the local cloud cannot resolve {name} in a route of the API")
        return {key: self.resolve(item) for key, item in value.items()}

    def _substitute(self, argument: Any) -> str:
        text, given = (argument, {}) if isinstance(argument, str) else argument
        values = {key: str(self.resolve(item)) for key, item in given.items()}
        return _PLACEHOLDER.sub(lambda match: self._reference(match[1], values), text)

    def _reference(self, name: str, values: Mapping[str, str]) -> str:
        known = {**_PSEUDO, "AWS::StackName": self.name, **self.parameters, **self.resources, **values}
        if name in known:
            return known[name]
        logical, _, attribute = name.partition(".")
        kind = self.template.get("Resources", {}).get(logical, {}).get("Type")
        if attribute == "Arn" and kind == "AWS::Lambda::Function" and logical in self.resources:
            return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.resources[logical]}"
        raise LocalCloudError(f"the local cloud cannot resolve {name} in a route of the API")


def find_stack(cloudformation: CloudFormationClient, name: str) -> Stack | None:
    """Return the deployed stack, or None when there is none."""
    try:
        described = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except cloudformation.exceptions.ClientError as error:
        if error.response["Error"].get("Code") == "ValidationError":
            return None
        raise
    if not described or described[0]["StackStatus"] == "DELETE_COMPLETE":
        return None
    stack = described[0]
    resources = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
    body: dict[str, Any] | str = {}
    if stack["StackStatus"] in STANDING:
        # One that was rolled back has no processed template.
        answer = cloudformation.get_template(StackName=name, TemplateStage="Processed")
        body = cast("dict[str, Any] | str", answer["TemplateBody"])
    return Stack(
        name=name,
        status=stack["StackStatus"],
        outputs={item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", [])},
        parameters={item["ParameterKey"]: item["ParameterValue"] for item in stack.get("Parameters", [])},
        resources={
            item["LogicalResourceId"]: item["PhysicalResourceId"]
            for item in resources
            if "PhysicalResourceId" in item
        },
        template=json.loads(body) if isinstance(body, str) else body,
    )


def first_failure(cloudformation: CloudFormationClient, name: str, since: dt.datetime) -> str | None:
    """Return the first resource that failed since then and why, None when the stack tells of none."""
    try:
        events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    except cloudformation.exceptions.ClientError:
        return None
    failures = [
        event
        for event in events
        if event["Timestamp"] >= since and event.get("ResourceStatus", "").endswith("_FAILED")
    ]
    if not failures:
        return None
    first = min(failures, key=lambda event: event["Timestamp"])
    reason = first.get("ResourceStatusReason", "no reason given").rstrip(".")
    return f"{first.get('LogicalResourceId', name)}: {reason}"
