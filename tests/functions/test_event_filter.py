"""Events that come again: the records in front of the inbox, and the inbox itself."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.stripe_payloads import CREATED, customer, event, invoice, subscription
from tests.support.cold_start import cold_start
from tests.support.event_worker import FAILED_NONE, counted, logged, paid

if TYPE_CHECKING:
    from tests.support.event_worker import Worker


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


def row(worker: Worker) -> dict[str, Any] | None:
    """Return the inbox row of evt_1."""
    return worker.owner.execute("SELECT * FROM stripe_webhook_events WHERE id = 'evt_1'").fetchone()


def ended(capsys: pytest.CaptureFixture[str]) -> tuple[list[tuple[str, str | None]], float]:
    """Return how each event ended and why, and how many conflicting ones were counted."""
    lines = logged(capsys)
    done = [(line["outcome"], line.get("reason")) for line in lines if line.get("message") == "event done"]
    return done, counted(lines).get("StripeEventsConflicting", 0)


def forget(worker: Worker) -> None:
    """Take away the records, as the end of their hour does."""
    table = worker.environment["IDEMPOTENCY_TABLE"]
    for record in worker.dynamodb.scan(TableName=table)["Items"]:
        worker.dynamodb.delete_item(TableName=table, Key={"id": record["id"]})


OTHER = "event: another one came under this id before"


def test_another_payload_under_a_known_id_changes_nothing_and_is_told(
    worker: Worker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given an applied event, when its id comes with other amounts, then nothing changes, it is told (16)."""
    worker.apply(paid())
    before = row(worker)
    capsys.readouterr()
    forged = event("invoice.paid", invoice(status="void", total=1), id="evt_1")
    later = event("invoice.paid", invoice(status="void"), id="evt_1", created=CREATED + 9)
    assert worker.apply(forged) == worker.apply(later) == FAILED_NONE
    assert (row(worker), worker.invoice_status()) == (before, "paid")
    assert ended(capsys) == ([("conflicting", OTHER)] * 2, 2)
    assert worker.apply(paid()) == FAILED_NONE
    assert ended(capsys) == ([("duplicate", None)], 0)


def test_another_payload_in_the_same_batch_is_told(
    worker: Worker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given a batch with one id and two payloads, when applied, then the first stands, the other is told."""
    assert worker.apply(paid(), event("invoice.voided", invoice(status="void"), id="evt_1")) == FAILED_NONE
    assert worker.invoice_status() == "paid"
    assert ended(capsys) == ([("applied", None), ("conflicting", OTHER)], 1)


def test_after_the_hour_the_inbox_tells_another_event_under_a_known_id(
    worker: Worker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given no records, when a known id comes with anything else, then it is told, and stays so."""
    worker.apply(paid())
    before = row(worker)
    capsys.readouterr()
    others = {
        "event.type: another one ended under this id": event("invoice.voided", invoice(), id="evt_1"),
        "event.data.object.id: another one ended under this id": paid()
        | {"data": {"object": invoice(id="in_2")}},
        "event.created: another one ended under this id": paid(created=CREATED + 9),
        "event.data: another one ended under this id": event("invoice.paid", invoice(total=1), id="evt_1"),
        "invoice.total: not an integer": event("invoice.paid", invoice(total=1.5), id="evt_1"),
        "event.created: missing": {
            "object": "event",
            "id": "evt_1",
            "type": "invoice.paid",
            "data": {"object": {}},
        },
    }
    for reason, other in others.items():
        forget(worker)
        for _ in range(2):
            assert worker.apply(other) == FAILED_NONE
            assert ended(capsys) == ([("conflicting", reason)], 1)
    assert row(worker) == before
    kept = worker.owner.execute("SELECT reason FROM stripe_conflicting_events WHERE id = 'evt_1'").fetchall()
    assert {one["reason"] for one in kept} == set(others)
    count = worker.owner.execute("SELECT count(*) AS n FROM invoices").fetchone()
    assert count == {"n": 1}


def test_one_event_in_two_versions_is_no_other_event(
    worker: Worker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given two endpoints of two versions, when both deliver an event, then one is a plain duplicate."""
    old = {**invoice(status="paid"), "paid": True}
    worker.apply(paid(), paid(api_version="2025-03-31.basil") | {"data": {"object": old}})
    assert [outcome for outcome, _ in ended(capsys)[0]] == ["applied", "duplicate"]


@pytest.mark.parametrize("forgotten", [False, True])
def test_what_differs_from_delivery_to_delivery_is_no_other_payload(
    worker: Worker, capsys: pytest.CaptureFixture[str], forgotten: bool
) -> None:
    """Given events that ended, when one comes in other bytes, as Stripe lists it, then it is a duplicate."""
    for told in (paid(), event("invoice.upcoming", invoice(status="draft"), id="evt_2")):
        worker.apply(told)
        if forgotten:
            forget(worker)
        capsys.readouterr()
        listed = dict(reversed((told | {"pending_webhooks": 0, "request": None}).items()))
        listed["data"] = {"object": {"added": None, **dict(reversed(told["data"]["object"].items()))}}
        worker.apply(json.dumps(listed, indent=2))
        assert ended(capsys) == ([("duplicate", None)], 0)


def test_another_payload_of_an_ignored_event_is_told(
    worker: Worker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given an ignored event and no records, when its id comes with other content, then it is told."""
    worker.apply(event("invoice.upcoming", invoice(), id="evt_1"))
    forget(worker)
    capsys.readouterr()
    worker.apply(event("invoice.upcoming", invoice(total=1), id="evt_1"))
    assert ended(capsys) == ([("conflicting", "event.data: another one ended under this id")], 1)


def test_a_payload_that_comes_while_another_is_under_way_is_not_lost(worker: Worker) -> None:
    """Given a mangled copy that was claimed and never ended, when the event comes, then it is applied."""
    table = worker.environment["IDEMPOTENCY_TABLE"]
    worker.apply(event("invoice.paid", invoice(status="open"), id="evt_1"))
    [record] = worker.dynamodb.scan(TableName=table)["Items"]
    worker.owner.execute("DELETE FROM stripe_webhook_events")
    worker.owner.execute("DELETE FROM invoices")
    until = {"N": str(int(time.time() * 1000) + 60_000)}
    worker.dynamodb.put_item(
        TableName=table, Item=record | {"status": {"S": "INPROGRESS"}, "in_progress_expiration": until}
    )
    assert worker.apply(paid()) == FAILED_NONE
    assert (worker.inbox(), worker.invoice_status()) == ({"evt_1": "applied"}, "paid")
