from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from billing.adapters.postgres.mirror import PostgresMirror
from billing.adapters.postgres.usage import PostgresUsageStore
from billing.domain.invoices import InvoiceStatus
from billing.domain.mirror import Observation
from billing.domain.periods import Period
from billing.domain.usage import LatePolicy, Reading, Recorded, UsageEvent
from tests.fakes.more_objects import METER, PRICE, changed
from tests.fakes.objects import a_subscription, an_invoice

if TYPE_CHECKING:
    from billing.adapters.postgres.connection import Connection, Database
    from billing.domain.mirror import Snapshot

# Periods that start in the middle of a day.
BEFORE = Period(datetime(2026, 9, 14, 10, 37, 12, tzinfo=UTC), datetime(2026, 10, 14, 10, 37, 12, tzinfo=UTC))
OPEN = Period(BEFORE.end, datetime(2026, 11, 14, 10, 37, 12, tzinfo=UTC))
NOW = BEFORE.end + timedelta(hours=3)
LATE = BEFORE.end - timedelta(minutes=1)


@pytest.fixture
def mirror(worker_database: Database) -> PostgresMirror:
    """Mirror a customer's subscription to a price of the meter api_calls, in the period OPEN."""
    mirror = PostgresMirror(worker_database)
    subscription = a_subscription(id="sub_1", customer="cus_1")
    item = replace(subscription.items[0], price="price_calls", current_period=OPEN)
    put(mirror, changed(METER, id="mtr_1", event_name="api_calls"))
    put(mirror, changed(PRICE, id="price_calls", recurring_meter="mtr_1"))
    put(mirror, replace(subscription, items=(item,)))
    return mirror


def put(mirror: PostgresMirror, state: Snapshot) -> None:
    moment = datetime(2026, 10, 14, 12, tzinfo=UTC)
    mirror.apply_all([(None, Observation(state, moment))])


def bill(mirror: PostgresMirror, status: InvoiceStatus, finalized_at: datetime | None) -> None:
    """Mirror the invoice of the period BEFORE."""
    invoice = an_invoice(id="in_1", customer="cus_1")
    line = replace(invoice.lines[0], price="price_calls", period=BEFORE)
    put(mirror, replace(invoice, status=status, finalized_at=finalized_at, lines=(line,)))


def calls(number: int, time: datetime, value: int) -> UsageEvent:
    return UsageEvent(
        "gateway",
        str(number),
        time,
        number.to_bytes(16),
        (Reading("api_calls", Decimal(value), None, ("",)),),
    )


def record(store: PostgresUsageStore, *events: UsageEvent, at: datetime = NOW) -> set[Recorded]:
    return set(store.record("cus_1", events, at, {}, lambda _: ()))


def used(store: PostgresUsageStore, period: Period) -> int:
    return int(store.used("cus_1", {"api_calls": period})["api_calls"])


@pytest.mark.parametrize(
    ("policy", "in_open", "in_next"),
    [
        (None, 17, 0),
        (LatePolicy.OPEN_PERIOD, 17, 0),
        (LatePolicy.NEXT_PERIOD, 10, 7),
        (LatePolicy.IGNORE, 10, 0),
    ],
)
def test_usage_after_the_finalised_invoice_goes_where_the_policy_says(
    api_database: Database, owner: Connection, mirror: PostgresMirror, policy: LatePolicy | None,
    in_open: int, in_next: int,
) -> None:  # fmt: skip
    """Given a finalised invoice, when usage of its period arrives, then only the policy's period changes."""
    store = PostgresUsageStore(api_database)
    if policy is not None:
        owner.execute("INSERT INTO usage_policies (customer, late) VALUES ('cus_1', %s)", [policy.value])
    record(store, calls(1, LATE, 100), calls(2, NOW, 10))
    bill(mirror, InvoiceStatus.OPEN, NOW)
    assert record(store, calls(3, LATE, 7), at=NOW + timedelta(hours=1)) == {Recorded.ACCEPTED}
    following = Period(OPEN.end, OPEN.end + timedelta(days=30))
    assert (used(store, BEFORE), used(store, OPEN), used(store, following)) == (100, in_open, in_next)
    findings = owner.execute("SELECT kind, detail ->> 'id' AS id FROM usage_findings").fetchall()
    ignored = [{"kind": "late_usage_ignored", "id": "3"}] if policy is LatePolicy.IGNORE else []
    assert findings == ignored


def test_usage_counts_in_its_period_until_the_invoice_is_finalised(
    api_database: Database, mirror: PostgresMirror
) -> None:
    """Given a draft invoice of a period that is over, when usage of it arrives, then it counts there."""
    store = PostgresUsageStore(api_database)
    bill(mirror, InvoiceStatus.DRAFT, None)
    record(store, calls(1, LATE, 100))
    assert (used(store, BEFORE), used(store, OPEN)) == (100, 0)


def test_what_was_billed_is_frozen_once(
    api_database: Database, worker_database: Database, owner: Connection, mirror: PostgresMirror
) -> None:
    """Given billed usage, when periods are closed twice, then one snapshot says what was used."""
    store = PostgresUsageStore(api_database)
    record(store, calls(1, LATE, 100), calls(2, NOW, 10))
    bill(mirror, InvoiceStatus.PAID, NOW)
    with worker_database.session() as worker:
        closed = [
            worker.execute("SELECT freeze_billed_usage(NULL, %s) AS closed", [NOW]).fetchone()
            for _ in range(2)
        ]
    assert closed == [{"closed": 1}, {"closed": 0}]
    rows = owner.execute("SELECT meter, period_start, period_end, used FROM usage_snapshots").fetchall()
    assert rows == [
        {"meter": "api_calls", "period_start": BEFORE.start, "period_end": BEFORE.end, "used": 100}
    ]


def test_a_void_after_the_finalised_invoice_lowers_the_open_period(
    api_database: Database, mirror: PostgresMirror
) -> None:
    """Given a finalised invoice, when an event of its period is voided, then the open period is lowered."""
    store = PostgresUsageStore(api_database)
    record(store, calls(1, LATE, 100), calls(2, NOW, 10))
    bill(mirror, InvoiceStatus.OPEN, NOW)
    void = UsageEvent("gateway", "3", NOW, bytes(16), (), voids="1")
    assert record(store, void) == {Recorded.ACCEPTED}
    assert (used(store, BEFORE), used(store, OPEN)) == (100, -90)
