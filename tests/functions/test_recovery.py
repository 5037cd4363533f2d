"""The sweep and the backfill as Lambda runs them: real handlers, PostgreSQL, SQS and a Stripe."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import boto3
import pytest

from tests.fakes.stripe_payloads import customer, event, invoice, invoice_payment, item, line, subscription
from tests.support.lambdas import PROJECT
from tests.support.recovery import counted, made_table, old_event
from tests.support.timed_context import TimedContext

if TYPE_CHECKING:
    from tests.support.recovery import Recovery


def test_the_sample_schedule_sweeps(recovery: Recovery, capsys: pytest.CaptureFixture[str]) -> None:
    """Given events that never came, when the schedule calls, then they are queued and counted (10)."""
    now = recovery.column("SELECT extract(epoch FROM now())::bigint")[0]
    # More than a page, many of them of one second.
    missed = [old_event(n, created=now - 3600 - n // 40) for n in range(230)]
    recovery.stripe.load(*missed, old_event(900, "account.updated", now - 3600), old_event(901, created=now))
    recovery.apply(*missed[:30])
    capsys.readouterr()
    sample = json.loads((PROJECT / "events" / "sweep_stripe_events.json").read_bytes())
    swept = recovery.call("sweep_stripe_events", sample)
    assert (swept["listed"], swept["missing"], swept["queued"]) == (230, 200, 200)
    sums = counted(capsys)
    assert (sums["StripeEventsMissed"], sums["SweepsFinished"]) == (200, 1)
    assert 120 <= sums["SecondsSinceSweep"] < 300
    queued = recovery.bodies()
    assert sorted(one["id"] for one in queued) == [one["id"] for one in missed[30:]]
    assert recovery.sweep()["missing"] == 0
    recovery.apply(*queued)
    assert recovery.column("SELECT count(*) FROM customers") == [230]


def test_the_schedule_lets_the_database_sleep_while_nothing_is_new(
    recovery: Recovery, unique_name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given a finished sweep, when the schedule calls again, then only what is new wakes the database."""
    recovery.environment["IDEMPOTENCY_TABLE"] = made_table(unique_name)
    sample = json.loads((PROJECT / "events" / "sweep_stripe_events.json").read_bytes())
    now = recovery.column("SELECT extract(epoch FROM now())::bigint")[0]
    recovery.stripe.load(old_event(0, created=now - 600))
    assert recovery.call("sweep_stripe_events", sample)["queued"] == 1
    capsys.readouterr()
    awake = dict(recovery.environment)
    recovery.environment["DATABASE_PORT"] = "1"
    found = recovery.call("sweep_stripe_events", sample)
    assert (found["listed"], found["finished"]) == (1, True)
    sums = counted(capsys)
    assert (sums["SweepsFinished"], sums["SweepsQuiet"]) == (1, 1)
    assert 120 <= sums["SecondsSinceSweep"] < 300
    with pytest.raises(Exception, match="database"):
        recovery.sweep()  # as make sweep does
    recovery.stripe.load(old_event(1, created=now - 300))
    with pytest.raises(Exception, match="database"):
        recovery.call("sweep_stripe_events", sample)
    recovery.environment = awake
    assert recovery.call("sweep_stripe_events", sample)["queued"] == 1
    boto3.client("dynamodb").delete_table(TableName=unique_name)


@pytest.mark.parametrize("remembered", [False, True])
def test_what_a_restored_database_lost_comes_back(
    recovery: Recovery, unique_name: str, remembered: bool
) -> None:
    """Given an event that ended and was lost with the database, when swept for, then it is applied again."""
    if remembered:
        recovery.environment["IDEMPOTENCY_TABLE"] = made_table(unique_name)
    now = recovery.column("SELECT extract(epoch FROM now())::bigint")[0]
    told = old_event(1, created=now - 600)
    recovery.stripe.load(told)
    recovery.apply(told)
    recovery.owner.execute("DELETE FROM customers")
    recovery.owner.execute("DELETE FROM stripe_webhook_events")
    assert recovery.sweep()["queued"] == 1
    assert recovery.deliver() == 1
    assert recovery.column("SELECT count(*) FROM customers") == [1]
    assert recovery.sweep()["queued"] == 0
    if remembered:
        boto3.client("dynamodb").delete_table(TableName=unique_name)


def test_what_a_sweep_finds_in_an_unknown_version_is_asked_for(recovery: Recovery) -> None:
    """Given an account that moved on to a release of tomorrow, when swept, then the objects are mirrored."""
    now = recovery.column("SELECT extract(epoch FROM now())::bigint")[0]
    state = invoice(
        status="paid", total_discount_amounts=[], total_taxes=[], lines={"data": [], "has_more": False}
    )
    told = event("invoice.paid", state, id="evt_1", created=now - 600, api_version="2027-03-24.fuchsia")
    recovery.stripe.load(state, told)
    assert recovery.sweep()["queued"] == 1
    recovery.deliver()
    assert recovery.column("SELECT status FROM invoices") == ["paid"]
    assert recovery.column("SELECT outcome FROM stripe_webhook_events") == ["applied"]


def test_only_payments_that_were_made_are_mirrored(recovery: Recovery) -> None:
    """Given an open and a paid payment of invoices, when backfilled, then the paid one is there alone."""
    recovery.stripe.load(invoice_payment(status="open", amount_paid=None), invoice_payment(id="inpay_2"))
    recovery.backfill()
    assert recovery.column("SELECT id FROM invoice_payments") == ["inpay_2"]


def test_a_sweep_that_fails_says_why_and_goes_on(recovery: Recovery) -> None:
    """Given the queue gone in the middle of an outage, when it is back, then the next run catches up."""
    now = recovery.column("SELECT extract(epoch FROM now())::bigint")[0]
    recovery.stripe.load(*(old_event(n, created=now - 86_400) for n in range(3)))
    environment = dict(recovery.environment)
    recovery.environment["EVENT_QUEUE_URL"] += "-gone"
    with pytest.raises(Exception, match="queue"):
        recovery.sweep()
    assert recovery.column("SELECT error FROM stripe_sweeps") == [
        "UnavailableError: The queue does not answer."
    ]
    recovery.environment = environment
    assert recovery.sweep()["queued"] == 3
    assert recovery.column("SELECT error FROM stripe_sweeps") == [None]


def test_a_sweep_short_of_time_goes_on_with_the_next(
    recovery: Recovery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given 30 seconds left, when the schedule calls again and again, then each call does one page."""
    now = recovery.column("SELECT extract(epoch FROM now())::bigint")[0]
    recovery.stripe.load(*(old_event(n, created=now - 86_400) for n in range(150)))
    monkeypatch.setattr(TimedContext, "left", 30_000)
    assert [recovery.sweep()["finished"] for _ in range(2)] == [False, False]
    monkeypatch.undo()
    assert recovery.sweep()["finished"]
    assert len({one["id"] for one in recovery.bodies()}) == 150


def test_a_longer_outage_than_stripes_list_is_told(
    recovery: Recovery, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given the last sweep 31 days ago, when one finishes, then row and metric say that there is a gap."""
    recovery.owner.execute(
        "INSERT INTO stripe_sweeps (since, until, gap, types, finished_at)"
        " VALUES (now() - interval '32 days', now() - interval '31 days', false, '{}', now())"
    )
    assert recovery.sweep()["gap"]
    assert counted(capsys)["SweepGaps"] == 1
    assert recovery.column("SELECT gap FROM stripe_sweeps ORDER BY number") == [False, True]


def test_stripes_objects_are_mirrored_whole(recovery: Recovery) -> None:
    """Given objects of every kind, cancelled and long ones too, when backfilled, then the mirror has all."""
    lines = [line(id=f"il_{n:03}", amount=n) for n in range(130)]
    items = {"data": [item(id=f"si_{n}", subscription="sub_9") for n in range(3)], "has_more": False}
    recovery.stripe.load(
        *(customer(id=f"cus_{n}", created=1_700_000_000 + n // 50) for n in range(230)),
        subscription(id="sub_1"),
        subscription(id="sub_9", status="canceled", items=items),
        invoice(id="in_long", total_discount_amounts=[], lines={"data": lines, "has_more": False}),
        invoice(id="in_1", total_discount_amounts=[]),
    )
    kinds = recovery.backfill()
    assert {name: kind["objects"] for name, kind in kinds.items() if kind["objects"]} == {
        "customer": 230,
        "subscription": 2,
        "invoice": 2,
    }
    assert (kinds["customer"]["pages"], kinds["invoice"]["fetched"]) == (3, 1)
    assert recovery.column("SELECT status FROM subscriptions ORDER BY id") == ["active", "canceled"]
    counts = "SELECT count(*) FROM invoice_line_items WHERE invoice = 'in_long'"
    assert (recovery.column(counts), recovery.column("SELECT count(*) FROM customers")) == ([130], [230])
    assert recovery.column("SELECT count(*) FROM stripe_webhook_events") == [0]


def test_what_stripe_deleted_meanwhile_ends_deleted(recovery: Recovery) -> None:
    """Given a customer and a draft deleted while nobody told, when backfilled, then both are deleted here."""
    client = recovery.stripe.client()
    kept = client.v1.customers.create(params={"name": "Kept"}).id
    gone = client.v1.customers.create(params={"name": "Gone"}).id
    draft = client.v1.invoices.create(params={"customer": kept}).id
    recovery.backfill()
    # The stand-in is of this very second; what was mirrored before it is not what is seen now.
    recovery.owner.execute("UPDATE customers SET as_of = as_of - interval '1 hour'")
    recovery.owner.execute("UPDATE invoices SET as_of = as_of - interval '1 hour'")
    client.v1.customers.delete(gone)
    client.v1.invoices.delete(draft)
    kinds = recovery.backfill()
    assert (kinds["customer"]["deleted"], kinds["invoice"]["deleted"]) == (1, 1)
    assert recovery.column("SELECT id FROM customers WHERE deleted_at IS NULL") == [kept]
    assert recovery.column("SELECT count(*) FROM invoices WHERE deleted_at IS NULL") == [0]
    assert recovery.column("SELECT DISTINCT livemode FROM customers") == [False]


def test_a_backfill_keeps_to_stripes_limit(recovery: Recovery) -> None:
    """Given a limit that Stripe enforces, when backfilled at nearly all of it, then no call is refused."""
    recovery.environment["STRIPE_RATE_LIMIT"] = "10"
    recovery.stripe.load(*(customer(id=f"cus_{n}") for n in range(1200)))
    recovery.stripe.helper("PUT", "/_standin/rate", {"per_second": 10})
    assert recovery.backfill()["customer"]["objects"] == 1200
    rate = recovery.stripe.helper("GET", "/_standin/rate")
    # Nearly three times what the stand-in takes at once: in the next test as many calls are too many.
    assert (rate["refused"], rate["taken"] >= 27) == (0, True)


def test_a_call_that_stripe_refuses_is_made_again(recovery: Recovery) -> None:
    """Given others that use up Stripe's limit, when backfilled, then refused calls wait and are repeated."""
    recovery.stripe.load(*(customer(id=f"cus_{n}") for n in range(1500)))
    recovery.stripe.helper("PUT", "/_standin/rate", {"per_second": 6})
    assert recovery.backfill()["customer"]["objects"] == 1500
    assert recovery.stripe.helper("GET", "/_standin/rate")["refused"] > 0
    assert recovery.column("SELECT count(*) FROM customers") == [1500]


def test_the_sample_backfill_answers(recovery: Recovery) -> None:
    """Given nothing at Stripe, when the sample event is invoked, then every kind is done."""
    sample = json.loads((PROJECT / "events" / "backfill_stripe_objects.json").read_bytes())
    assert recovery.call("backfill_stripe_objects", sample)["finished"]
