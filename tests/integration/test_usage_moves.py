"""Customers' usage is moved between PostgreSQL and ClickHouse while it goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.adapters.clickhouse.moving import UsageMover
from billing.adapters.clickhouse.usage import ClickHouseUsageStore
from billing.adapters.postgres.usage import PostgresUsageStore
from billing.adapters.usage_homes import HomedUsageStore
from billing.domain.errors import UnavailableError
from billing.domain.periods import Period
from billing.domain.usage import Reading, Recorded
from billing.use_cases.move_usage import Moved, MoveUsage
from tests.support.usage_histories import answers, histories, new_customers, play, questions
from tests.support.usage_world import T0, PostgresSurroundings, UsageWorld, an_event, fake_usage_world

if TYPE_CHECKING:
    from billing.adapters.clickhouse.engine import ClickHouse
    from billing.adapters.postgres.connection import Connection, Database
    from billing.use_cases.usage_ports import UsageStore
    from tests.support.usage_histories import Act, Question


def homed(database: Database, clickhouse: ClickHouse, fresh: str) -> HomedUsageStore:
    stores: dict[str, UsageStore] = {
        "postgres": PostgresUsageStore(database),
        "clickhouse": ClickHouseUsageStore(database, clickhouse),
    }
    return HomedUsageStore(database, stores, fresh)


@pytest.fixture
def world(
    owner: Connection, api_database: Database, worker_database: Database, clickhouse: ClickHouse
) -> UsageWorld:
    around = PostgresSurroundings(owner)
    return UsageWorld(
        homed(api_database, clickhouse, "postgres"), homed(worker_database, clickhouse, "postgres"), around
    )


@pytest.fixture
def mover(worker_database: Database, clickhouse: ClickHouse) -> UsageMover:
    return UsageMover(worker_database, clickhouse)


@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=histories(), asked=questions, stops=st.tuples(st.integers(0, 10), st.integers(0, 10)))
def test_a_move_changes_no_answer(
    world: UsageWorld, mover: UsageMover, history: list[Act], asked: list[Question], stops: tuple[int, int]
) -> None:
    """Given any history, when its customers are moved amid it, then every answer is the same."""
    model = fake_usage_world()
    customers = new_customers()
    for number, act in enumerate(history):
        for stop, to in zip(sorted(stops), ("clickhouse", "postgres"), strict=True):
            if number == stop:
                for customer in customers:
                    mover.move(customer, to)
        assert play(world, customers, act) == play(model, customers, act)
    for customer in customers:
        for to in ("clickhouse", "postgres", "clickhouse"):
            mover.move(customer, to)
            assert answers(world, customer, asked) == answers(model, customer, asked)


def test_a_move_goes_on_where_it_was_cut(
    world: UsageWorld, mover: UsageMover, clickhouse: ClickHouse, owner: Connection
) -> None:
    """Given a move that was cut after one customer, when it goes on, then all are moved and none twice."""
    event = an_event("1", T0, Reading("requests", groups=("a",)))
    for customer in ("cus_1", "cus_2", "cus_3"):
        world.store.record(customer, [event], T0, {}, lambda _: ())
    move = MoveUsage(mover, "clickhouse")
    time = iter([True, False])
    assert move("", lambda: next(time)) == Moved(1, 1, "cus_1", finished=False)
    # What a move left that was cut between the stores.
    kept = clickhouse.rows("SELECT * FROM usage_events", {})[0]
    clickhouse_row = list(kept)
    clickhouse_row[0] = "cus_2"
    clickhouse.insert(
        [name for name, *_ in clickhouse.rows("DESCRIBE TABLE usage_events", {})], [clickhouse_row], "left"
    )
    assert move("cus_1", lambda: True) == Moved(2, 2, "cus_3", finished=True)
    assert move("", lambda: True) == Moved(0, 0, "", finished=True)
    span = Period(T0, T0.replace(day=11))
    for customer in ("cus_1", "cus_2", "cus_3"):
        assert world.store.used(customer, {"requests": span}) == {"requests": 1}
        assert world.store.record(customer, [event], T0, {}, lambda _: ()) == (Recorded.DUPLICATE,)
    assert owner.execute("SELECT FROM usage_events").fetchall() == []


def test_the_store_that_a_customer_left_takes_nothing(
    world: UsageWorld, mover: UsageMover, api_database: Database
) -> None:
    """Given a customer that was moved, when the store that it left is written to, then that is refused."""
    event = an_event("1", T0, Reading("requests", groups=("a",)))
    world.store.record("cus_1", [event], T0, {}, lambda _: ())
    mover.move("cus_1", "clickhouse")
    with pytest.raises(UnavailableError):
        PostgresUsageStore(api_database).record("cus_1", [event], T0, {}, lambda _: ())


def test_new_customers_begin_where_the_setting_says(
    world: UsageWorld, api_database: Database, clickhouse: ClickHouse, owner: Connection
) -> None:
    """Given a customer in PostgreSQL, when ClickHouse is chosen, then only new customers begin there."""
    event = an_event("1", T0, Reading("requests", groups=("a",)))
    world.store.record("cus_1", [event], T0, {}, lambda _: ())
    chosen = homed(api_database, clickhouse, "clickhouse")
    other = an_event("2", T0, Reading("requests", groups=("a",)))
    for customer in ("cus_1", "cus_2"):
        assert chosen.record(customer, [event, other], T0, {}, lambda _: ())[1] is Recorded.ACCEPTED
    assert clickhouse.rows("SELECT customer, count() FROM usage_events GROUP BY customer", {}) == [
        ("cus_2", 2)
    ]
    rows = owner.execute("SELECT customer, count(*) AS number FROM usage_events GROUP BY 1").fetchall()
    assert rows == [{"customer": "cus_1", "number": 2}]
