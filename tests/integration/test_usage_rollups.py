"""What PostgreSQL adds up as events come is what it adds up anew from all of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings

from billing.adapters.postgres.usage import PostgresUsageStore
from billing.domain.periods import Period
from billing.domain.usage import Grain, Reading, Recorded
from tests.support.usage_histories import histories, new_customers, play
from tests.support.usage_world import BY_NAME, T0, PostgresSurroundings, UsageWorld, an_event

if TYPE_CHECKING:
    from billing.adapters.postgres.connection import Connection, Database
    from tests.support.usage_histories import Act

_ROLLED = (
    "SELECT customer, meter, bucket, groups, count, sum, max, last FROM usage_rollups ORDER BY 1, 2, 3, 4",
    "SELECT customer, meter, bucket, groups, value FROM usage_values ORDER BY 1, 2, 3, 4, 5",
    "SELECT customer, meter, hour, total FROM usage_hours WHERE total <> 0 ORDER BY 1, 2, 3",
)
DAY = timedelta(days=1)


@pytest.fixture
def world(owner: Connection, api_database: Database, worker_database: Database) -> UsageWorld:
    around = PostgresSurroundings(owner)
    return UsageWorld(PostgresUsageStore(api_database), PostgresUsageStore(worker_database), around)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=histories())
def test_rollups_are_what_the_events_add_up_to(
    world: UsageWorld, owner: Connection, history: list[Act]
) -> None:
    """Given any history, when every day is added up anew, then nothing that was added up changes."""
    customers = new_customers()
    for act in history:
        play(world, customers, act)
    kept = [owner.execute(query).fetchall() for query in _ROLLED]
    days = [T0 + number * DAY for number in range(-1, 70)]
    for customer in customers:
        owner.execute("SELECT rebuild_usage(%s, %s)", [customer, days])
    assert [owner.execute(query).fetchall() for query in _ROLLED] == kept


def test_what_was_added_up_outlives_the_events(world: UsageWorld, owner: Connection) -> None:
    """Given a month whose events are forgotten, when a boundary in it becomes known, then its sum stays."""
    owner.execute("SELECT create_usage_months(%s)", [T0])
    early = an_event("1", T0, Reading("free", Decimal("2.5")))
    world.store.record("cus_1", [early], T0, {}, lambda _: ())
    (dropped,) = owner.execute("SELECT drop_usage_months(%s) AS names", [T0 + 40 * DAY]).fetchall()
    assert "usage_events_2026_03" in dropped["names"]
    world.around.set_item("cus_1", "i", "free", Period(T0 + DAY / 2, T0 + 30 * DAY))
    late = an_event("2", T0 + 40 * DAY, Reading("free", Decimal(1)))
    assert world.store.record("cus_1", [late, early], T0 + 40 * DAY, {}, lambda _: ()) == (
        Recorded.ACCEPTED,
        Recorded.DUPLICATE,
    )
    whole = Period(T0, T0 + 60 * DAY)
    assert world.store.used("cus_1", {"free": whole}) == {"free": Decimal("3.5")}
    assert [point.used for point in world.store.history("cus_1", BY_NAME["free"], whole, Grain.DAY)] == [
        Decimal("2.5"),
        Decimal(1),
    ]


def test_a_month_takes_over_what_came_before_it_was_made(world: UsageWorld, owner: Connection) -> None:
    """Given events of a month without a table, when its table is made, then they are in it and count."""
    world.store.record("cus_1", [an_event("1", T0, Reading("free", Decimal(7)))], T0, {}, lambda _: ())
    owner.execute("SELECT create_usage_months(%s)", [T0])
    (where,) = owner.execute(
        "SELECT tableoid::regclass::text AS name, counted_at FROM usage_events"
    ).fetchall()
    assert (where["name"], where["counted_at"]) == ("usage_events_2026_03", T0)
    span = Period(datetime(2026, 3, 9, 12, tzinfo=UTC), datetime(2026, 3, 10, 12, tzinfo=UTC))
    assert world.store.used("cus_1", {"free": span}) == {"free": Decimal(7)}
