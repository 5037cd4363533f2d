"""The function behind the queue of events, on a real database, a stand-in of Stripe and the local AWS."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.fakes.stripe_payloads import event, invoice
from tests.support.lambdas import PROJECT, lambda_handler
from tests.support.timed_context import timed_context

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest
    from aws_lambda_powertools.utilities.typing import LambdaContext
    from types_boto3_dynamodb import DynamoDBClient

    from billing.adapters.postgres.connection import Connection

FAILED_NONE: list[str] = []


def batch(*events: dict[str, Any] | str) -> dict[str, Any]:
    """Return a batch of SQS; the records are named by their place."""
    sample: dict[str, Any] = json.loads((PROJECT / "events" / "apply_stripe_events.json").read_bytes())
    return {
        "Records": [
            sample["Records"][0]
            | {"messageId": str(place), "body": one if isinstance(one, str) else json.dumps(one)}
            for place, one in enumerate(events)
        ]
    }


def paid(name: str = "evt_1", **members: Any) -> dict[str, Any]:
    return event("invoice.paid", invoice(status="paid"), id=name, **members)


@dataclass
class Worker:
    """The function, and what is behind it."""

    environment: dict[str, str]
    owner: Connection
    dynamodb: DynamoDBClient
    handler: Callable[[Any, LambdaContext], dict[str, Any]] = field(
        default_factory=lambda: lambda_handler("apply_stripe_events")
    )

    def apply(self, *events: dict[str, Any] | str) -> list[str]:
        """Return which records of the batch failed."""
        answer = self.handler(batch(*events), timed_context())
        return [failed["itemIdentifier"] for failed in answer["batchItemFailures"]]

    def inbox(self) -> dict[str, str]:
        """Return how each event ended."""
        rows = self.owner.execute("SELECT id, outcome FROM stripe_webhook_events").fetchall()
        return {row["id"]: row["outcome"] for row in rows}

    def invoice_status(self) -> str | None:
        """Return the mirrored status of the invoice in_1."""
        row = self.owner.execute("SELECT status FROM invoices WHERE id = 'in_1'").fetchone()
        return None if row is None else row["status"]


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(text) for text in capsys.readouterr().out.splitlines()]


def counted(lines: list[dict[str, Any]]) -> dict[str, float]:
    """Return the sum of each metric."""
    sums: dict[str, float] = {}
    for entry in lines:
        for definition in entry.get("_aws", {}).get("CloudWatchMetrics", [{}])[0].get("Metrics", []):
            name = definition["Name"]
            sums[name] = sums.get(name, 0) + sum(entry[name])
    return sums
