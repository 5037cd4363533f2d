"""The report of usage, and what Stripe says of it later, as Lambda runs them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from billing.domain.errors import PayloadRejectedError, UnavailableError
from billing.use_cases.receive_stripe_event import ReceiveStripeEvent
from tests.fakes.event_queue import FakeEventQueue
from tests.support.lambdas import PROJECT
from tests.support.recovery import counted
from tests.support.reporting import ReportingWorld

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from billing.adapters.postgres.connection import Database
    from tests.support.recovery import Recovery


@pytest.fixture
def world(
    recovery: Recovery, worker_database: Database, another_worker: Callable[[], Database]
) -> Iterator[ReportingWorld]:
    """Return usage of one customer beside the functions."""
    world = ReportingWorld(recovery.stripe, recovery.owner, worker_database, another_worker)
    yield world
    world.close()


def used(world: ReportingWorld, name: str) -> tuple[str, str]:
    """Return a meter and a customer with 12 units of it."""
    meter, customer = world.meter(name), world.customer()
    world.use(customer, name, "12", world.hour(1))
    return meter, customer


def test_the_sample_schedule_reports(
    recovery: Recovery, world: ReportingWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given usage, when the schedule calls twice, then Stripe adds up to it and only the first one sends."""
    meter, customer = used(world, "sampled")
    capsys.readouterr()
    sample = json.loads((PROJECT / "events" / "report_usage.json").read_bytes())

    answers = [recovery.call("report_usage", sample) for _ in range(2)]

    assert [(each["written"], each["sent"], each["finished"]) for each in answers] == [
        (1, 1, True),
        (0, 0, True),
    ]
    assert world.told(meter, customer) == world.hours("sampled", customer)
    sums = counted(capsys)
    assert (sums["UsageReportsSent"], sums["UsageReportsFinished"]) == (1, 2)
    months = recovery.column("SELECT count(*) FROM pg_inherits WHERE inhparent = 'usage_events'::regclass")
    assert months == [6]


def refused(recovery: Recovery, world: ReportingWorld) -> dict[str, Any]:
    """Return the thin event that Stripe delivers when it cannot count a report after all."""
    recovery.call("report_usage")
    [identifier] = recovery.column("SELECT identifier FROM usage_reports")
    event = world.standin.form(
        "/_standin/meter_events/refuse",
        {"identifier": identifier, "code": "meter_event_customer_not_found", "message": "No such customer."},
    )
    return {name: value for name, value in event.items() if name != "data"}


def test_usage_that_stripe_refuses_later_is_a_finding(
    recovery: Recovery, world: ReportingWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given a thin event of refused usage, when it comes three times, then there is one finding."""
    _, customer = used(world, "rejected")
    event = refused(recovery, world)
    capsys.readouterr()

    for _ in range(2):
        recovery.apply(event)
    recovery.apply({**event, "id": world.standin.form("/_standin/meter_events/refuse", {
        "identifier": recovery.column("SELECT identifier FROM usage_reports")[0],
        "code": "meter_event_customer_not_found", "message": "No such customer.",
    })["id"]})  # fmt: skip

    findings = recovery.owner.execute("SELECT customer, meter, kind, detail FROM usage_findings").fetchall()
    assert [(row["customer"], row["meter"], row["kind"]) for row in findings] == [
        (customer, "rejected", "stripe_rejected_usage")
    ]
    assert findings[0]["detail"]["code"] == "meter_event_customer_not_found"
    assert findings[0]["detail"]["message"] == "No such customer."
    assert recovery.column("SELECT refused FROM usage_reports") == ["meter_event_customer_not_found"]
    assert recovery.column("SELECT outcome FROM stripe_webhook_events") == ["applied", "applied"]
    assert counted(capsys)["StripeMeterErrors"] == 2


def test_a_thin_event_that_stripe_forgot_is_quarantined(recovery: Recovery, world: ReportingWorld) -> None:
    """Given a thin event that cannot be fetched, when it is applied, then it is kept as it came."""
    used(world, "gone")
    recovery.apply({**refused(recovery, world), "id": "evt_gone"})

    assert recovery.column("SELECT outcome FROM stripe_webhook_events") == ["quarantined"]
    assert recovery.column("SELECT count(*) FROM usage_findings") == [0]


def test_a_thin_event_is_replayed_from_stripe(recovery: Recovery, world: ReportingWorld) -> None:
    """Given a thin event that never came, when it is replayed, then it ends as one that did."""
    used(world, "replayed")
    event = refused(recovery, world)

    assert recovery.call("replay_stripe_event", {"event": event["id"]})["source"] == "stripe"
    recovery.apply(*recovery.bodies())

    assert recovery.column("SELECT outcome FROM stripe_webhook_events") == ["applied"]
    assert recovery.column("SELECT kind FROM usage_findings") == ["stripe_rejected_usage"]


def test_thin_events_that_never_came_are_swept(recovery: Recovery, world: ReportingWorld) -> None:
    """Given a destination that was away while usage was refused, when swept, then a finding is made of it."""
    used(world, "missed")
    event = refused(recovery, world)
    kept = world.standin.form("/_standin/meter_events/refuse", {
        "identifier": recovery.column("SELECT identifier FROM usage_reports")[0],
        "code": "meter_event_customer_not_found", "message": "No such customer.",
    })  # fmt: skip
    earlier = int(world.now.timestamp()) - 3_600
    # More than a page, one of which was delivered.
    names = [f"evt_thin{number:03}" for number in range(130)]
    told = {**kept, "created": earlier, "_created": datetime.fromtimestamp(earlier, UTC).isoformat()}
    world.standin.load(*({**told, "id": name} for name in names))
    recovery.apply({**event, "id": names[0]})

    swept = recovery.sweep()

    assert (swept["missing"], swept["queued"], swept["finished"]) == (129, 129, True)
    queued = recovery.bodies()
    assert sorted(each["id"] for each in queued) == names[1:]
    recovery.apply(queued[0])
    assert recovery.column("SELECT outcome FROM stripe_webhook_events") == ["applied", "applied"]
    assert recovery.column("SELECT kind FROM usage_findings") == ["stripe_rejected_usage"]


class _Signed:
    def verify(self, payload: bytes, signature: str | None) -> None:
        """Take everything."""


def test_the_webhook_takes_thin_events() -> None:
    """Given a thin event and something else, when both are delivered, then only the first is queued."""
    queue = FakeEventQueue()
    receive = ReceiveStripeEvent(_Signed(), queue)
    event = {
        "id": "evt_1",
        "object": "v2.core.event",
        "type": "v1.billing.meter.error_report_triggered",
        "created": datetime(2026, 6, 1, tzinfo=UTC).isoformat(),
        "livemode": False,
    }

    assert receive(json.dumps(event).encode(), "").event_id == "evt_1"
    with pytest.raises(PayloadRejectedError):
        receive(json.dumps({**event, "object": "v2.core.thing"}).encode(), "")


def test_a_run_whose_stripe_is_away_fails_and_the_next_goes_on(
    recovery: Recovery, world: ReportingWorld
) -> None:
    """Given Stripe asks to slow down, when the schedule calls, then it fails, and the next call sends."""
    meter, customer = used(world, "away")
    world.standin.helper("PUT", "/_standin/rate", {"per_second": 0})
    with pytest.raises(UnavailableError):
        recovery.call("report_usage")
    world.standin.helper("PUT", "/_standin/rate", {"per_second": None})

    assert recovery.call("report_usage")["sent"] == 1
    assert world.told(meter, customer) == world.hours("away", customer)
