"""What ClickHouse answers once old months are forgotten, held against the model that keeps all."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings

from billing.adapters.clickhouse.elsewhere import ClickHouseUsageElsewhere
from billing.adapters.clickhouse.usage import ClickHouseUsageStore
from billing.domain.periods import Period
from billing.domain.usage import Grain, Reading, Recorded
from tests.support.usage_histories import Record, histories, new_customers, play
from tests.support.usage_world import (
    BY_NAME,
    METERS,
    T0,
    PostgresSurroundings,
    UsageWorld,
    an_event,
    fake_usage_world,
)

if TYPE_CHECKING:
    from billing.adapters.clickhouse.engine import ClickHouse
    from billing.adapters.postgres.connection import Connection, Database
    from tests.support.usage_histories import Act

LATER = datetime(2027, 5, 20, tzinfo=UTC)
"""By then 13 months have passed since the month of T0."""

DAY = timedelta(days=1)


class Forgetting:
    """A store in ClickHouse, and the schedule that forgets."""

    def __init__(self, owner: Connection, api: Database, worker: Database, clickhouse: ClickHouse) -> None:
        self.owner = owner
        self.clickhouse = clickhouse
        store = ClickHouseUsageStore(api, clickhouse)
        closing = ClickHouseUsageStore(worker, clickhouse)
        self.world = UsageWorld(store, closing, PostgresSurroundings(owner))
        self.elsewhere = ClickHouseUsageElsewhere(worker, clickhouse)

    def forget(self, after: timedelta = timedelta(0)) -> int:
        """Run the schedule, so long after LATER."""
        return self.elsewhere.forget(LATER + after, 13, lambda: True)

    def events(self) -> int:
        """Return how many readings there are, once what is being deleted is gone."""
        for _ in range(600):
            if not self.clickhouse.rows("SELECT 1 FROM system.mutations WHERE NOT is_done LIMIT 1", {}):
                break
            time.sleep(0.05)
        return int(self.clickhouse.rows("SELECT count() FROM usage_events WHERE meter <> ''", {})[0][0])

    def edges(self, customer: str) -> list[datetime]:
        """Return the midnights and the boundaries of the customer, in order."""
        rows = self.owner.execute(
            "SELECT at FROM usage_boundaries WHERE customer = %s", [customer]
        ).fetchall()
        return sorted({*(T0 + n * DAY for n in range(5)), *(row["at"].astimezone(UTC) for row in rows)})


@pytest.fixture
def forgetting(
    owner: Connection, api_database: Database, worker_database: Database, clickhouse: ClickHouse
) -> Forgetting:
    return Forgetting(owner, api_database, worker_database, clickhouse)


def answers(world: UsageWorld, customer: str, edges: list[datetime]) -> list[object]:
    """Return what is used between all edges, and every history by days."""
    whole = Period(T0 - DAY, T0 + 500 * DAY)
    spans = [whole, *(Period(start, end) for start, end in pairwise(edges)), Period(edges[1], whole.end)]
    used = [world.store.used(customer, {meter.name: span for meter in METERS}) for span in spans]
    groups = [(meter, meter.group_by[:most]) for meter in METERS for most in range(len(meter.group_by) + 1)]
    histories = [
        list(world.store.history(customer, meter, whole, Grain.DAY, names)) for meter, names in groups
    ]
    return [used, histories, world.around.findings(customer), world.around.hours(customer)]


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=histories())
def test_days_periods_and_ids_outlive_their_events(forgetting: Forgetting, history: list[Act]) -> None:
    """Given any history, when its months are forgotten, then days and periods stand, and ids stay taken."""
    model = fake_usage_world()
    customers = new_customers()
    for act in history:
        play(forgetting.world, customers, act)
        play(model, customers, act)
    for after in (timedelta(0), timedelta(hours=1), timedelta(hours=2)):
        forgetting.forget(after)
        for customer in customers:
            edges = forgetting.edges(customer)
            assert answers(forgetting.world, customer, edges) == answers(model, customer, edges)
    assert forgetting.events() == 0
    for act in history:
        if isinstance(act, Record) and not any(event.voids for event in act.events):
            assert play(forgetting.world, customers, act)[0] == play(model, customers, act)[0]  # type: ignore[index]


def test_what_is_forgotten_cannot_be_voided_and_has_no_hours(forgetting: Forgetting) -> None:
    """Given a forgotten event, when it is voided, then it is unknown; its day stands, its hours are gone."""
    (customer, _), world = new_customers(), forgetting.world
    event = an_event("1", T0 + timedelta(hours=3), Reading("free", Decimal(7)))
    world.store.record(customer, [event], T0, {}, lambda _: ())
    forgetting.forget()
    void = an_event("2", LATER, voids="1")
    for after in (timedelta(0), timedelta(hours=1)):
        forgetting.forget(after)
        assert world.store.record(customer, [void], LATER, {}, lambda _: ()) == (Recorded.UNKNOWN_EVENT,)
        day = Period(T0, T0 + DAY)
        assert world.store.history(customer, BY_NAME["free"], day, Grain.HOUR) == []
        assert [point.used for point in world.store.history(customer, BY_NAME["free"], day, Grain.DAY)] == [7]


def test_events_go_once_everybody_is_answered_from_days(forgetting: Forgetting) -> None:
    """Given a customer that is being written to, when the others are forgotten, then all events stay."""
    world, (one, other) = forgetting.world, new_customers()
    for customer in (one, other):
        event = an_event("1", T0, Reading("free", Decimal(7)))
        world.store.record(customer, [event], T0, {}, lambda _: ())
    with forgetting.owner.transaction():
        forgetting.owner.execute("SELECT lock_usage(%s)", [other])
        assert [forgetting.forget(), forgetting.forget(timedelta(hours=1))] == [1, 0]
    assert forgetting.events() == 2
    assert [forgetting.forget(timedelta(hours=2)), forgetting.events()] == [1, 2]
    assert [forgetting.forget(timedelta(hours=3)), forgetting.events()] == [0, 0]


def test_what_an_open_period_or_the_setting_needs_is_kept(forgetting: Forgetting) -> None:
    """Given a year's open period, or a setting that keeps all, when forgotten, then nothing is."""
    world, (customer, _) = forgetting.world, new_customers()
    world.store.record(customer, [an_event("1", T0, Reading("free", Decimal(7)))], T0, {}, lambda _: ())
    assert forgetting.elsewhere.forget(LATER, 0, lambda: True) == 0
    assert forgetting.elsewhere.forget(LATER, 13, lambda: False) == 0
    forgetting.world.around.set_item(customer, "i", "tokens", Period(T0 - DAY, LATER + DAY))
    assert [forgetting.forget(), forgetting.forget(timedelta(hours=1)), forgetting.events()] == [0, 0, 1]


def test_months_are_added_up_one_by_one(forgetting: Forgetting) -> None:
    """Given usage of three months, when time runs out after one, then all is answered all the same."""
    world, (customer, _) = forgetting.world, new_customers()
    for months in range(3):
        at = T0 - months * 31 * DAY
        event = an_event(
            str(months), at, Reading("free", Decimal(7)), Reading("peak", Decimal(months), groups=("a",))
        )
        world.store.record(customer, [event], at, {}, lambda _: ())
    whole = dict.fromkeys(("free", "peak"), Period(T0 - 100 * DAY, T0 + DAY))
    time_left = iter([True, False])
    assert forgetting.elsewhere.forget(LATER, 13, lambda: next(time_left)) == 1
    assert world.store.used(customer, whole) == {"free": 21, "peak": 2}
    assert [forgetting.forget(), forgetting.forget(timedelta(hours=1)), forgetting.events()] == [2, 0, 0]
    assert world.store.used(customer, whole) == {"free": 21, "peak": 2}


def test_what_was_taken_back_is_not_added_up(forgetting: Forgetting) -> None:
    """Given the largest, the last and an only value that were voided, when forgotten, then none counts."""
    (customer, _), world = new_customers(), forgetting.world
    for number, (value, distinct) in enumerate((("5", "a"), ("9", "b"))):
        readings = (
            Reading("level", Decimal(value)),
            Reading("peak", Decimal(value), groups=("a",)),
            Reading("tokens", Decimal(value), groups=("a", "b")),
            Reading("users", distinct=distinct, groups=("a",)),
        )
        event = an_event(str(number), T0 + timedelta(hours=number), *readings)
        world.store.record(customer, [event], T0, {}, lambda _: ())
    world.store.record(customer, [an_event("void", T0, voids="1")], T0, {}, lambda _: ())
    spans = dict.fromkeys(("level", "peak", "tokens", "users"), Period(T0, T0 + DAY))
    for after in (timedelta(0), timedelta(hours=1)):
        forgetting.forget(after)
        assert world.store.used(customer, spans) == {"level": 5, "peak": 5, "tokens": 5, "users": 1}
