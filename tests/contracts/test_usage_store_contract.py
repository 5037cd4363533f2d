"""What every store of usage promises: the model and the real stores give the same answers to one history."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings

from billing.adapters.clickhouse.usage import ClickHouseUsageStore
from billing.adapters.postgres.usage import PostgresUsageStore
from billing.domain.periods import Period
from billing.domain.usage import Grain, Reading, UsagePoint
from tests.support.usage_histories import answers, histories, new_customers, play, questions
from tests.support.usage_world import (
    BY_NAME,
    T0,
    PostgresSurroundings,
    UsageWorld,
    an_event,
    fake_usage_world,
)

if TYPE_CHECKING:
    from billing.adapters.clickhouse.engine import ClickHouse
    from billing.adapters.postgres.connection import Connection, Database
    from tests.support.usage_histories import Act, Question


@pytest.fixture(params=["fake", "postgres", "clickhouse"])
def world(request: pytest.FixtureRequest) -> UsageWorld:
    if request.param == "fake":
        return fake_usage_world()
    owner: Connection = request.getfixturevalue("owner")
    around = PostgresSurroundings(owner)
    api: Database = request.getfixturevalue("api_database")
    worker: Database = request.getfixturevalue("worker_database")
    if request.param == "postgres":
        return UsageWorld(PostgresUsageStore(api), PostgresUsageStore(worker), around)
    clickhouse: ClickHouse = request.getfixturevalue("clickhouse")
    return UsageWorld(ClickHouseUsageStore(api, clickhouse), ClickHouseUsageStore(worker, clickhouse), around)


@settings(
    max_examples=30,
    deadline=None,
    # The world is shared by the examples of one test; each example has customers of its own.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=histories(), asked=questions)
def test_every_store_answers_as_the_model(
    world: UsageWorld, history: list[Act], asked: list[Question]
) -> None:
    """Given any history, when a store and the model live through it, then every answer is the same."""
    model = fake_usage_world()
    customers = new_customers()
    for act in history:
        assert play(world, customers, act) == play(model, customers, act)
    for customer in customers:
        assert answers(world, customer, asked) == answers(model, customer, asked)


def test_the_end_of_a_closed_period_is_open(world: UsageWorld) -> None:
    """Given a closed period, when events of its last instant and of its end come, then only one is late."""
    (customer, _), end, later = new_customers(), T0 + timedelta(hours=5), T0 + timedelta(hours=9)
    world.closing.freeze(customer, "free", Period(T0, end), later)
    last = an_event("1", end - timedelta(microseconds=1), Reading("free", Decimal(2)))
    first = an_event("2", end, Reading("free", Decimal(3)))
    world.store.record(customer, [last, first], later, {}, lambda _: ())
    day = Period(T0, T0 + timedelta(days=1))
    assert world.store.history(customer, BY_NAME["free"], day, Grain.HOUR) == [
        UsagePoint(end, (), Decimal(3)),
        UsagePoint(later, (), Decimal(2)),
    ]
