from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.entrypoints.event_batch import delay
from tests.fakes.stripe_payloads import CREATED, customer, event, invoice, line, subscription
from tests.support.cold_start import cold_start
from tests.support.lambdas import PROJECT, lambda_context, lambda_handler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aws_lambda_powertools.utilities.typing import LambdaContext
    from types_boto3_dynamodb import DynamoDBClient

    from billing.adapters.postgres.connection import Connection, Credentials
    from billing.settings import DatabaseSettings
    from tests.fixtures.stripe_data import RunningStandin

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
        answer = self.handler(batch(*events), lambda_context())
        return [failed["itemIdentifier"] for failed in answer["batchItemFailures"]]

    def inbox(self) -> dict[str, str]:
        """Return how each event ended."""
        rows = self.owner.execute("SELECT id, outcome FROM stripe_webhook_events").fetchall()
        return {row["id"]: row["outcome"] for row in rows}

    def invoice_status(self) -> str | None:
        """Return the mirrored status of the invoice in_1."""
        row = self.owner.execute("SELECT status FROM invoices WHERE id = 'in_1'").fetchone()
        return None if row is None else row["status"]


@pytest.fixture
def worker(
    aws_endpoint: str,
    unique_name: str,
    database: DatabaseSettings,
    database_secrets: dict[str, Credentials],
    owner: Connection,
    stripe_standin: RunningStandin,
) -> Iterator[Worker]:
    credentials = database_secrets["billing_worker"]
    secrets = {
        "database": {"username": credentials.username, "password": credentials.password},
        "stripe": {"api_key": "sk_test_standin"},
    }
    manager = boto3.client("secretsmanager")
    for name, value in secrets.items():
        manager.create_secret(Name=f"{unique_name}-{name}", SecretString=json.dumps(value))
    dynamodb: DynamoDBClient = boto3.client("dynamodb")
    dynamodb.create_table(
        TableName=unique_name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    queue = boto3.client("sqs").create_queue(QueueName=unique_name, Attributes={"VisibilityTimeout": "600"})
    environment = {
        "EVENT_QUEUE_URL": queue["QueueUrl"],
        "DATABASE_HOST": database.host,
        "DATABASE_PORT": str(database.port),
        "DATABASE_NAME": database.name,
        "DATABASE_SSL_MODE": database.ssl_mode,
        "DATABASE_SECRET_ID": f"{unique_name}-database",
        "STRIPE_API_KEY_SECRET_ID": f"{unique_name}-stripe",
        "STRIPE_API_BASE": stripe_standin.base_url,
        "STRIPE_LIVEMODE": "false",
        "IDEMPOTENCY_TABLE": unique_name,
    }
    with cold_start(environment):
        yield Worker(environment, owner, dynamodb)


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


def test_the_sample_batch_is_applied(worker: Worker) -> None:
    """Given the sample of `sam local invoke`, when it is applied, then each event ends in the inbox."""
    answer = worker.handler(
        json.loads((PROJECT / "events" / "apply_stripe_events.json").read_bytes()), lambda_context()
    )
    assert answer == {"batchItemFailures": []}
    assert worker.inbox() == {
        "evt_1SampleCustomerCreated": "applied",
        "evt_1SampleInvoiceFinalized": "applied",
        "evt_1SamplePayoutPaid": "ignored",
    }


def test_every_event_of_a_batch_ends_by_itself(worker: Worker, capsys: pytest.CaptureFixture[str]) -> None:
    """Given one event of each sort, when the batch is applied, then each ends as it must, and is counted."""
    old = event("invoice.updated", invoice(status="open"), id="evt_old", created=CREATED - 9)
    unreadable = event("invoice.paid", invoice(total=1.5), id="evt_bad")
    ignored = event("payout.paid", {"object": "payout", "id": "po_1"}, id="evt_other")
    live = event("customer.created", customer(livemode=True), id="evt_live", livemode=True)
    failed = worker.apply(paid(), paid(), old, unreadable, ignored, live)
    assert failed == FAILED_NONE
    assert worker.inbox() == {
        "evt_1": "applied",
        "evt_old": "stale",
        "evt_bad": "quarantined",
        "evt_other": "ignored",
        "evt_live": "quarantined",
    }
    assert worker.invoice_status() == "paid"
    sums = counted(logged(capsys))
    assert {name: sums[name] for name in sums if name.startswith("StripeEvents")} == {
        "StripeEventsApplied": 1,
        "StripeEventsDuplicate": 1,
        "StripeEventsStale": 1,
        "StripeEventsQuarantined": 2,
        "StripeEventsIgnored": 1,
    }


def test_a_quarantined_event_keeps_its_reason(worker: Worker, capsys: pytest.CaptureFixture[str]) -> None:
    """Given an unreadable event, when it is applied, then inbox and log name the member."""
    worker.apply(event("invoice.paid", invoice(total=1.5)))
    row = worker.owner.execute("SELECT reason FROM stripe_webhook_events").fetchone()
    assert row is not None
    assert row["reason"] == "invoice.total: not an integer"
    [done] = [entry for entry in logged(capsys) if entry.get("message") == "event done"]
    assert (done["outcome"], done["reason"]) == ("quarantined", "invoice.total: not an integer")


def test_an_event_that_lacks_what_every_event_has_is_quarantined(worker: Worker) -> None:
    """Given an event without livemode and created, as old recordings are, then it is kept as it came."""
    bare = json.dumps({"object": "event", "id": "evt_9", "type": "invoice.paid", "data": {"object": {}}})
    assert worker.apply(bare) == FAILED_NONE
    row = worker.owner.execute(
        "SELECT outcome, reason, payload, livemode, created FROM stripe_webhook_events"
    ).fetchone()
    assert row == {
        "outcome": "quarantined",
        "reason": "event.created: missing",
        "payload": bare,
        "livemode": None,
        "created": None,
    }


def test_a_quarantined_event_that_can_be_read_now_is_applied(worker: Worker) -> None:
    """Given a quarantined event, when it comes again and can be read, within the hour too, it is applied."""
    worker.apply(event("invoice.paid", invoice(total=1.5)))
    assert worker.inbox() == {"evt_1": "quarantined"}
    assert worker.apply(paid()) == FAILED_NONE
    assert (worker.inbox(), worker.invoice_status()) == ({"evt_1": "applied"}, "paid")
    row = worker.owner.execute("SELECT reason, payload, ended_at FROM stripe_webhook_events").fetchone()
    assert row is not None
    assert (row["reason"], row["payload"], row["ended_at"] is None) == (None, None, False)


def test_a_failure_stands_in_the_inbox_until_a_later_try_ends(worker: Worker) -> None:
    """Given Stripe away for a tie, when it is back, then the inbox says why it failed and how it ended."""
    worker.apply(paid("evt_2"))
    with cold_start({**worker.environment, "STRIPE_API_BASE": "http://127.0.0.1:1"}):
        assert worker.apply(event("invoice.updated", invoice(status="open"), id="evt_1")) == ["0"]
    row = worker.owner.execute(
        "SELECT outcome, reason, attempts, ended_at FROM stripe_webhook_events WHERE id = 'evt_1'"
    ).fetchone()
    assert row is not None
    assert (row["outcome"], row["ended_at"]) == ("failed", None)
    assert row["reason"].startswith("UnavailableError: ")


def test_the_inbox_tells_when_an_event_came_and_after_how_many_tries(worker: Worker) -> None:
    """Given a message's third delivery, when applied, then the inbox has its first second and the tries."""
    third = batch(paid())
    third["Records"][0]["attributes"] |= {
        "SentTimestamp": "1780000000250",
        "ApproximateReceiveCount": "3",
    }
    worker.handler(third, lambda_context())
    row = worker.owner.execute(
        "SELECT extract(epoch FROM received_at) AS received, attempts, ended_at > received_at AS took"
        " FROM stripe_webhook_events"
    ).fetchone()
    assert row is not None
    assert (float(row["received"]), row["attempts"], row["took"]) == (1780000000.25, 3, True)


@pytest.mark.parametrize(
    "poison", ["", "not json", "[]", "{}", '{"object": "event", "id": "evt_9"}', "[" * 100_000]
)
def test_a_poison_message_fails_alone(worker: Worker, poison: str) -> None:
    """Given a message that is no event among good ones, when applied, then only it stays on the queue."""
    assert worker.apply(paid("evt_1"), poison, event("customer.created", customer(), id="evt_2")) == ["1"]
    assert worker.inbox() == {"evt_1": "applied", "evt_2": "applied"}


def test_a_failed_message_comes_again_long_before_the_queues_timeout(worker: Worker) -> None:
    """Given a queue that hides messages for ten minutes, when one fails, then it is back within seconds."""
    sqs, url = boto3.client("sqs"), worker.environment["EVENT_QUEUE_URL"]
    sqs.send_message(QueueUrl=url, MessageBody="poison")
    [received] = sqs.receive_message(QueueUrl=url, MessageSystemAttributeNames=["All"])["Messages"]
    record = batch("poison")["Records"][0] | {
        "receiptHandle": received["ReceiptHandle"],
        "attributes": received["Attributes"],
    }
    worker.handler({"Records": [record]}, lambda_context())
    again = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10, MessageSystemAttributeNames=["All"])
    assert [m["Attributes"]["ApproximateReceiveCount"] for m in again["Messages"]] == ["2"]


@given(failures=st.integers(1, 1000))
def test_delays_grow_up_to_a_quarter_of_an_hour(failures: int) -> None:
    """Given a message that failed any number of times, then its delay grows, and never beyond 900 s."""
    assert 2 <= delay(failures) <= delay(failures + 1) <= 900


def test_a_batch_that_fails_whole_is_reported_record_by_record(worker: Worker) -> None:
    """Given only poison, when it is applied, then every record is named and nothing is raised."""
    assert worker.apply("x", "y") == ["0", "1"]


def test_a_copy_within_the_hour_does_not_reach_the_database(worker: Worker) -> None:
    """Given an applied event whose inbox row is taken away, when it comes again, then nothing is written."""
    worker.apply(paid())
    worker.owner.execute("DELETE FROM stripe_webhook_events")
    assert worker.apply(paid()) == FAILED_NONE
    assert worker.inbox() == {}


def test_an_event_of_the_other_mode_is_another_event_to_the_filter(worker: Worker) -> None:
    """Given one id in test and in live mode, when both come, then the filter does not mix them up."""
    worker.apply(paid())
    worker.owner.execute("DELETE FROM stripe_webhook_events")
    worker.apply(event("customer.created", customer(livemode=True), id="evt_1", livemode=True))
    assert worker.inbox() == {"evt_1": "quarantined"}


def test_without_the_filter_the_inbox_knows_a_copy(
    worker: Worker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given DynamoDB away, when events come twice, then each has one effect, the loss is told."""
    worker.dynamodb.delete_table(TableName=worker.environment["IDEMPOTENCY_TABLE"])
    assert worker.apply(paid(), paid(), event("customer.created", customer(), id="evt_2")) == FAILED_NONE
    assert worker.inbox() == {"evt_1": "applied", "evt_2": "applied"}
    sums = counted(logged(capsys))
    assert (sums["IdempotencyUnavailable"], sums["StripeEventsApplied"]) == (1, 2)
    assert sums["StripeEventsDuplicate"] == 1


def test_no_table_configured_means_no_filter(worker: Worker) -> None:
    """Given no idempotency table, when an event comes twice, then the inbox alone keeps it to one effect."""
    with cold_start({**worker.environment, "IDEMPOTENCY_TABLE": ""}):
        assert worker.apply(paid(), paid()) == FAILED_NONE
    assert worker.inbox() == {"evt_1": "applied"}


def test_an_event_that_another_worker_has_comes_again(
    worker: Worker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given an event in progress elsewhere, when it comes, then it stays on the queue without an error."""
    table = worker.environment["IDEMPOTENCY_TABLE"]
    worker.apply(paid())
    worker.owner.execute("DELETE FROM stripe_webhook_events")
    [record] = worker.dynamodb.scan(TableName=table)["Items"]
    later = {"N": str(int(time.time() * 1000) + 60_000)}
    worker.dynamodb.put_item(
        TableName=table, Item=record | {"status": {"S": "INPROGRESS"}, "in_progress_expiration": later}
    )
    assert worker.apply(paid()) == ["0"]
    sums = counted(logged(capsys))
    assert (sums["StripeEventsInProgress"], "StripeEventsFailed" in sums) == (1, False)
    killed = {"N": str(int(time.time() * 1000) - 1)}
    worker.dynamodb.put_item(
        TableName=table, Item=record | {"status": {"S": "INPROGRESS"}, "in_progress_expiration": killed}
    )
    assert worker.apply(paid()) == FAILED_NONE
    assert set(worker.inbox()) == {"evt_1"}


def test_a_failure_is_not_remembered(worker: Worker, capsys: pytest.CaptureFixture[str]) -> None:
    """Given the database away for a delivery, when it is back, then the same events are applied."""
    events = [paid(), event("customer.subscription.created", subscription(), id="evt_2")]
    with cold_start({**worker.environment, "DATABASE_PORT": "1"}):
        assert worker.apply(*events) == ["0", "1"]
    failures = [entry for entry in logged(capsys) if entry.get("message") == "event failed"]
    assert [entry["reason"] for entry in failures] == ["The database does not answer."] * 2
    with cold_start(worker.environment):
        assert worker.apply(*events) == FAILED_NONE
    assert worker.inbox() == {"evt_1": "applied", "evt_2": "applied"}


def test_a_tie_is_settled_with_stripe(
    worker: Worker, stripe_standin: RunningStandin, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given two events of one second in the wrong order, when applied, then Stripe's state stands."""
    stripe_standin.load(invoice(status="paid"))
    worker.apply(paid("evt_2"), event("invoice.finalized", invoice(status="open"), id="evt_1"))
    assert worker.invoice_status() == "paid"
    assert counted(logged(capsys))["TiesSettled"] == 1


def test_the_lines_that_an_event_leaves_out_are_fetched(
    worker: Worker, stripe_standin: RunningStandin
) -> None:
    """Given an event with the first of 250 lines, when it is applied, then all 250 stand in order."""
    lines = [line(id=f"il_{n:03}", amount=n) for n in range(250)]
    stripe_standin.load(invoice(lines={"data": lines, "has_more": False}))
    first = {"data": lines[:10], "has_more": True}
    assert worker.apply(event("invoice.finalized", invoice(lines=first))) == FAILED_NONE
    rows = worker.owner.execute("SELECT amount FROM invoice_line_items ORDER BY position").fetchall()
    assert [row["amount"] for row in rows] == list(range(250))


def test_each_event_is_logged_with_nothing_personal(
    worker: Worker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given canaries in names, e-mails and poison, when a batch is applied, then no log line has them."""
    person = customer(name="Canary", email="canary@example.com", description="canary")
    worker.apply(
        event("customer.created", person),
        event("customer.updated", {**person, "balance": "canary"}, id="evt_2"),
        event("customer.updated", {**person, "name": "canary\x00"}, id="evt_3"),
        '{"canary": ',
        '{"canary": "x"}',
    )
    with cold_start({**worker.environment, "DATABASE_PORT": "1"}):
        worker.apply(event("customer.updated", person, id="evt_4"))
    text = capsys.readouterr().out
    assert "canary" not in text.lower()
    [first] = [
        entry
        for entry in map(json.loads, text.splitlines())
        if entry.get("stripe_event_id") == "evt_1" and entry["message"] == "event done"
    ]
    assert (first["stripe_event_type"], first["outcome"]) == ("customer.created", "applied")
    assert first["ms"] >= 0
