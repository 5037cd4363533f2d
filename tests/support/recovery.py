"""The functions that catch up with Stripe, and what is behind them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3

from tests.fakes.stripe_payloads import customer, event
from tests.support.cold_start import cold_start
from tests.support.lambdas import PROJECT, lambda_handler
from tests.support.timed_context import timed_context

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest
    from aws_lambda_powertools.utilities.typing import LambdaContext
    from types_boto3_sqs import SQSClient

    from billing.adapters.postgres.connection import Connection
    from tests.fixtures.stripe_data import RunningStandin

type Handler = Callable[[Any, LambdaContext], dict[str, Any]]


@dataclass
class Recovery:
    """The functions, and what is behind them."""

    environment: dict[str, str]
    owner: Connection
    stripe: RunningStandin
    sqs: SQSClient
    queue: str
    handlers: dict[str, Handler] = field(default_factory=dict)

    def call(self, function: str, payload: dict[str, Any] | None = None) -> dict[str, Any]:
        """Invoke a function; everything is as after a cold start."""
        handler = lambda_handler(function)
        with cold_start(self.environment):
            return handler(payload or {}, timed_context())

    def sweep(self) -> dict[str, Any]:
        """Sweep once."""
        return self.call("sweep_stripe_events")

    def backfill(self) -> dict[str, Any]:
        """Backfill once, and return the kinds by name."""
        done = self.call("backfill_stripe_objects")
        assert done["finished"], done
        return {kind["kind"]: kind for kind in done["kinds"]}

    def bodies(self) -> list[dict[str, Any]]:
        """Take everything from the queue."""
        found = []
        while messages := self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in messages:
                found.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return found

    def apply(self, *events: dict[str, Any]) -> None:
        """Apply events as from the queue."""
        sample = json.loads((PROJECT / "events" / "apply_stripe_events.json").read_bytes())["Records"][0]
        records = [sample | {"messageId": str(n), "body": json.dumps(one)} for n, one in enumerate(events)]
        handler = lambda_handler("apply_stripe_events")
        with cold_start(self.environment):
            handler({"Records": records}, timed_context())

    def deliver(self) -> int:
        """Apply what is on the queue, as SQS hands it to the function; return how many messages that were."""
        sample = json.loads((PROJECT / "events" / "apply_stripe_events.json").read_bytes())["Records"][0]
        messages = []
        while found := self.sqs.receive_message(
            QueueUrl=self.queue, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages"):
            messages += found
        records = [
            sample
            | {
                "messageId": message["MessageId"],
                "body": message["Body"],
                "messageAttributes": {
                    name: {"dataType": value["DataType"], "stringValue": value["StringValue"]}
                    for name, value in message.get("MessageAttributes", {}).items()
                },
            }
            for message in messages
        ]
        handler = lambda_handler("apply_stripe_events")
        with cold_start(self.environment):
            assert not handler({"Records": records}, timed_context())["batchItemFailures"]
        for message in messages:
            self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return len(messages)

    def column(self, query: Any) -> list[Any]:
        """Return the first column of what the owner sees."""
        return [next(iter(row.values())) for row in self.owner.execute(query).fetchall()]


def made_table(name: str) -> str:
    """Make a table as the idempotency records have it; return its name."""
    boto3.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    return name


def counted(capsys: pytest.CaptureFixture[str]) -> dict[str, float]:
    """Return the sum of each metric."""
    sums: dict[str, float] = {}
    for text in capsys.readouterr().out.splitlines():
        entry = json.loads(text)
        for definition in entry.get("_aws", {}).get("CloudWatchMetrics", [{}])[0].get("Metrics", []):
            name = definition["Name"]
            sums[name] = sums.get(name, 0) + sum(entry[name])
    return sums


def old_event(number: int, what: str = "customer.created", created: int | None = None) -> dict[str, Any]:
    about = customer(id=f"cus_{number}")
    made = {} if created is None else {"created": created}
    return event(what, about, id=f"evt_{number:04}", **made)
