"""A system to be operated, whose functions run in this process."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from operate.replay import Follower
from tests.support.cold_start import cold_start
from tests.support.lambdas import PROJECT, lambda_handler
from tests.support.timed_context import timed_context

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_sqs import SQSClient

    from billing.adapters.postgres.connection import Connection
    from operate.cloud import Cloud
    from tests.fixtures.stripe_data import RunningStandin

WEBHOOK = "https://webhook.example.com/stripe"


class InProcess:
    """Lambda's client, whose functions run here; between its calls the queue is worked off."""

    def __init__(self, environment: dict[str, str], work: Callable[[], None]) -> None:
        self.environment = environment
        self.work = work
        self.failures = 0
        self.calls: list[str] = []

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - boto3's names
        """Return what the function answers, as boto3 does."""
        self.calls.append(FunctionName)
        if self.failures:
            self.failures -= 1
            body = json.dumps({"errorMessage": "The database does not answer."}).encode()
            return {"Payload": io.BytesIO(body), "FunctionError": "Unhandled"}
        self.work()
        with cold_start(self.environment):
            answer = lambda_handler(FunctionName)(json.loads(Payload), timed_context())
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}


@dataclass
class Operated:
    """A system to be operated."""

    cloud: Cloud
    functions: InProcess
    stripe: RunningStandin
    sqs: SQSClient
    owner: Connection
    out: io.StringIO

    def follower(self, wait: float = 20.0) -> Follower:
        """Return what waits for events to end."""
        return Follower(self.cloud, self.out, wait=wait)

    def told(self) -> str:
        """Return what was printed since the last call."""
        text = self.out.getvalue()
        self.out.seek(0)
        self.out.truncate()
        return text

    def apply(self, *bodies: dict[str, Any]) -> None:
        """Apply events as from the queue."""
        apply_batch(self.functions.environment, [json.dumps(body) for body in bodies])

    def secrets(self) -> list[str]:
        """Return the accepted signing secrets."""
        name = self.cloud.parameters["StripeWebhookSecretArn"]
        text = self.cloud.secrets.get_secret_value(SecretId=name)["SecretString"]
        return list(json.loads(text)["webhook_secrets"])


def apply_batch(environment: dict[str, str], bodies: list[str]) -> None:
    sample = json.loads((PROJECT / "events" / "apply_stripe_events.json").read_bytes())["Records"][0]
    records = [sample | {"messageId": str(n), "body": body} for n, body in enumerate(bodies)]
    with cold_start(environment):
        lambda_handler("apply_stripe_events")({"Records": records}, timed_context())
