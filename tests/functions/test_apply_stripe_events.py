from __future__ import annotations

import json
from typing import TYPE_CHECKING

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.entrypoints.event_batch import delay
from tests.fakes.stripe_payloads import CREATED, customer, event, invoice, line
from tests.support.cold_start import cold_start
from tests.support.event_worker import FAILED_NONE, batch, counted, logged, paid
from tests.support.lambdas import PROJECT
from tests.support.timed_context import timed_context

if TYPE_CHECKING:
    from tests.fixtures.stripe_data import RunningStandin
    from tests.support.event_worker import Worker


def test_the_sample_batch_is_applied(worker: Worker) -> None:
    """Given the sample of `sam local invoke`, when it is applied, then each event ends in the inbox."""
    answer = worker.handler(
        json.loads((PROJECT / "events" / "apply_stripe_events.json").read_bytes()), timed_context()
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
    worker.handler(third, timed_context())
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
    worker.handler({"Records": [record]}, timed_context())
    again = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10, MessageSystemAttributeNames=["All"])
    assert [m["Attributes"]["ApproximateReceiveCount"] for m in again["Messages"]] == ["2"]


@given(failures=st.integers(1, 1000))
def test_delays_grow_up_to_a_quarter_of_an_hour(failures: int) -> None:
    """Given a message that failed any number of times, then its delay grows, and never beyond 900 s."""
    assert 2 <= delay(failures) <= delay(failures + 1) <= 900


def test_a_batch_that_fails_whole_is_reported_record_by_record(worker: Worker) -> None:
    """Given only poison, when it is applied, then every record is named and nothing is raised."""
    assert worker.apply("x", "y") == ["0", "1"]


def test_a_tie_is_settled_with_stripe(
    worker: Worker, stripe_standin: RunningStandin, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given two events of one second in the wrong order, when applied, then Stripe's state stands."""
    stripe_standin.load(invoice(status="paid", total_discount_amounts=[]))
    worker.apply(paid("evt_2"), event("invoice.finalized", invoice(status="open"), id="evt_1"))
    assert worker.invoice_status() == "paid"
    assert counted(logged(capsys))["TiesSettled"] == 1


def test_the_lines_that_an_event_leaves_out_are_fetched(
    worker: Worker, stripe_standin: RunningStandin
) -> None:
    """Given an event with the first of 250 lines, when it is applied, then all 250 stand in order."""
    lines = [line(id=f"il_{n:03}", amount=n) for n in range(250)]
    stripe_standin.load(invoice(total_discount_amounts=[], lines={"data": lines, "has_more": False}))
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
