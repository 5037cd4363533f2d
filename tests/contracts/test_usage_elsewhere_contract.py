"""What the schedule does with usage is the same wherever its events are."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings

from billing.adapters.clickhouse.elsewhere import ClickHouseUsageElsewhere
from billing.adapters.clickhouse.usage import ClickHouseUsageStore
from billing.adapters.postgres.mirror import PostgresMirror
from billing.adapters.postgres.usage import PostgresUsageStore
from billing.adapters.postgres.usage_reports import PostgresUsageReports, PostgresUsageUpkeep
from billing.domain.errors import UnavailableError
from billing.domain.invoices import InvoiceStatus
from billing.domain.mirror import Observation
from billing.domain.periods import Period
from billing.domain.usage import LatePolicy, Reading
from tests.fakes.objects import an_invoice
from tests.support.usage_histories import histories, new_customers, play
from tests.support.usage_world import T0, PostgresSurroundings, UsageWorld, an_event

if TYPE_CHECKING:
    from datetime import datetime

    from billing.adapters.clickhouse.engine import ClickHouse
    from billing.adapters.postgres.connection import Connection, Database
    from tests.support.usage_histories import Act

NOW = T0 + timedelta(days=40)
STORES = ("postgres", "clickhouse")


class Both:
    """Two stores beside each other, and what the schedule does with both."""

    def __init__(self, owner: Connection, api: Database, worker: Database, clickhouse: ClickHouse) -> None:
        self.owner = owner
        self.worker = worker
        self.around = PostgresSurroundings(owner)
        self.worlds = {
            "postgres": UsageWorld(PostgresUsageStore(api), PostgresUsageStore(worker), self.around),
            "clickhouse": UsageWorld(
                ClickHouseUsageStore(api, clickhouse), ClickHouseUsageStore(worker, clickhouse), self.around
            ),
        }
        self.elsewhere = ClickHouseUsageElsewhere(worker, clickhouse)
        owner.execute(
            "UPDATE billing_meters AS k SET aggregation = 'last' FROM usage_meters AS m"
            " WHERE m.stripe_event_name = k.event_name AND m.aggregation NOT IN ('sum', 'count')"
        )

    def claim(self, now: datetime = NOW) -> int:
        """Write what Stripe is to be told."""
        written = PostgresUsageReports(self.worker).claim(now, 3)
        return written + self.elsewhere.claim(now, lambda: True)

    def close(self, now: datetime = NOW) -> int:
        """Close what was billed."""
        return PostgresUsageUpkeep(self.worker).prepare(now) + self.elsewhere.close(now, lambda: True)

    def told(self, customer: str) -> list[tuple[object, ...]]:
        """Return what Stripe is to be told of a customer, hour by hour."""
        rows = self.owner.execute(
            "SELECT meter, hour, at, value FROM usage_reports WHERE customer = %s"
            " ORDER BY meter, hour, at, value",
            [customer],
        ).fetchall()
        return [(row["meter"], row["hour"], row["at"], row["value"]) for row in rows]

    def bill(self, customer: str, meter: str, span: Period) -> None:
        """Finalise an invoice of the period."""
        invoice = an_invoice(id=f"in_{customer}", customer=customer)
        line = replace(invoice.lines[0], price=f"price_{meter}", period=span)
        state = replace(invoice, status=InvoiceStatus.OPEN, finalized_at=span.end, lines=(line,))
        PostgresMirror(self.worker).apply_all([(None, Observation(state, span.end))])


@pytest.fixture
def both(
    owner: Connection, api_database: Database, worker_database: Database, clickhouse: ClickHouse
) -> Both:
    return Both(owner, api_database, worker_database, clickhouse)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=histories())
def test_stripe_is_told_the_same_of_both(both: Both, history: list[Act]) -> None:
    """Given any history, when reports are written after each step, then they are the same of both stores."""
    customers = {store: new_customers() for store in STORES}
    for store, pair in customers.items():
        for customer in pair:
            both.worlds[store].store.record(customer, [], T0, {}, lambda _: ())
    for act in history:
        for store in STORES:
            play(both.worlds[store], customers[store], act)
        both.claim()
        for ours, theirs in zip(*(customers[store] for store in STORES), strict=True):
            assert both.told(theirs) == both.told(ours)
    assert both.claim() == 0


@pytest.mark.parametrize("store", STORES)
def test_a_level_is_told_as_the_period_so_far(both: Both, store: str) -> None:
    """Given a maximum, a latest and different values, when told twice, then the period so far is told."""
    customer, world = new_customers()[0], both.worlds[store]
    both.around.set_item(customer, "i", "peak", Period(T0 + timedelta(hours=6), T0 + timedelta(days=30)))
    for number, hours in enumerate((5, 7, 9)):
        readings = (
            Reading("level", Decimal(number)),
            Reading("peak", Decimal("9.75") - number, groups=("a",)),
            Reading("users", distinct=str(number % 2), groups=("b",)),
        )
        event = an_event(str(number), T0 + timedelta(hours=hours), *readings)
        world.store.record(customer, [event], T0, {}, lambda _: ())
        both.claim()

    values: dict[object, list[object]] = {}
    for meter, _, _, value in both.told(customer):
        values.setdefault(meter, []).append(value)
    assert values == {"level": [0, 1, 2], "peak": [9, 8], "users": [1, 1, 2]}


@pytest.mark.parametrize("store", STORES)
def test_the_schedule_closes_what_was_billed(both: Both, store: str) -> None:
    """Given a finalised invoice and no request since, when the schedule runs, then its period is closed."""
    customer, world, span = new_customers()[0], both.worlds[store], Period(T0, T0 + timedelta(hours=30))
    both.around.set_late_policy(customer, LatePolicy.IGNORE)
    early = an_event("1", T0 + timedelta(hours=3), Reading("peak", Decimal(7), groups=("a",)))
    world.store.record(customer, [early], T0 + timedelta(hours=3), {}, lambda _: ())
    both.bill(customer, "peak", span)

    assert [both.close(), both.close()] == [1, 0]
    late = an_event("2", T0 + timedelta(hours=4), Reading("peak", Decimal(50), groups=("a",)))
    world.store.record(customer, [late], NOW, {}, lambda _: ())

    rows = both.owner.execute("SELECT used, frozen_at FROM usage_snapshots").fetchall()
    assert [(row["used"], row["frozen_at"].astimezone(UTC)) for row in rows] == [(7, NOW)]
    assert world.store.used(customer, {"peak": span}) == {"peak": 7}


def test_who_is_being_written_to_waits_for_the_next_run(both: Both, owner: Connection) -> None:
    """Given a customer whose lock another holds, when reports are written, then it is told with the next."""
    customer, world = new_customers()[0], both.worlds["clickhouse"]
    event = an_event("1", T0, Reading("level", Decimal(3)))
    world.store.record(customer, [event], T0, {}, lambda _: ())
    with owner.transaction():
        owner.execute("SELECT lock_usage(%s)", [customer])
        assert both.claim() == 0
    assert both.claim() == 1


def test_no_time_leaves_all_to_the_next_run(both: Both) -> None:
    """Given no time, when closed and claimed, then nothing is done."""
    customer, world = new_customers()[0], both.worlds["clickhouse"]
    world.store.record(
        customer, [an_event("1", T0, Reading("peak", Decimal(3), groups=("a",)))], T0, {}, lambda _: ()
    )
    both.bill(customer, "peak", Period(T0, T0 + timedelta(hours=30)))

    assert (both.elsewhere.close(NOW, lambda: False), both.elsewhere.claim(NOW, lambda: False)) == (0, 0)


def test_a_clickhouse_that_is_away_is_told(both: Both, worker_database: Database, owner: Connection) -> None:
    """Given a ClickHouse that does not answer, when levels are claimed, then nothing of them is written."""
    customer, world = new_customers()[0], both.worlds["clickhouse"]
    world.store.record(customer, [an_event("1", T0, Reading("level", Decimal(3)))], T0, {}, lambda _: ())

    class Away:
        def rows(self, *_: object) -> None:
            raise UnavailableError("usage store")

    with pytest.raises(UnavailableError):
        ClickHouseUsageElsewhere(worker_database, Away()).claim(NOW, lambda: True)  # type: ignore[arg-type]
    assert both.told(customer) == []
    with owner.transaction():
        # The connection that was closed lets its lock go when the server sees it.
        owner.execute("SELECT lock_usage(%s)", [customer])
    assert both.claim() == 1
