"""Requests whose events void or replace others: taken together, told and counted as one after the other."""

from __future__ import annotations

from copy import replace
from datetime import timedelta
from decimal import Decimal
from itertools import chain, pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.adapters.postgres.usage import PostgresUsageStore
from billing.domain.periods import Period
from billing.domain.usage import MOST_EVENTS, Grain, Reading, Recorded
from tests.support.usage_world import BY_NAME, T0, PostgresSurroundings, UsageWorld, an_event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from billing.adapters.postgres.connection import Connection, Database
    from billing.domain.usage import UsageEvent

SPAN = Period(T0, T0 + timedelta(days=2))
_names = st.sampled_from("abcdef")
# A source, an id, and what is voided; nothing is voided by itself.
_sent = st.tuples(st.sampled_from("st"), _names, st.one_of(st.just(""), _names)).filter(
    lambda event: event[1] != event[2]
)


@pytest.fixture
def world(owner: Connection, api_database: Database, worker_database: Database) -> UsageWorld:
    around = PostgresSurroundings(owner)
    return UsageWorld(PostgresUsageStore(api_database), PostgresUsageStore(worker_database), around)


def record(world: UsageWorld, events: Sequence[UsageEvent]) -> Sequence[Recorded]:
    return world.store.record("cus_1", events, T0, {}, lambda _: ())


def test_a_request_may_replace_as_many_events_as_it_may_hold(world: UsageWorld) -> None:
    """Given a request full of events, when another replaces them all, then only what it says counts."""
    events = [
        an_event(f"e{n}", T0 + timedelta(minutes=n), Reading("free", Decimal(n))) for n in range(MOST_EVENTS)
    ]
    other = tuple(
        replace(event, id=f"{event.id}r", voids=event.id, readings=(Reading("free", Decimal(2)),))
        for event in events
    )
    assert set(record(world, events)) == {Recorded.ACCEPTED}
    assert set(record(world, other)) == {Recorded.ACCEPTED}
    assert set(record(world, other)) == {Recorded.DUPLICATE}
    assert world.store.used("cus_1", {"free": SPAN}) == {"free": Decimal(2 * MOST_EVENTS)}
    days = world.store.history("cus_1", BY_NAME["free"], SPAN, Grain.DAY)
    assert sum(day.used for day in days) == Decimal(2 * MOST_EVENTS)


def test_events_of_a_request_that_hang_on_each_other_are_taken_in_order(world: UsageWorld) -> None:
    """Given replacements of replacements in one request, when taken, each finds what the one before left."""

    def reading(number: int) -> Reading:
        return Reading("free", Decimal(number))

    outcomes = record(
        world,
        [
            an_event("late", T0, reading(16), voids="unborn"),
            an_event("first", T0, reading(1)),
            an_event("second", T0, reading(2), voids="first"),
            an_event("third", T0, reading(4), voids="second"),
            an_event("other", T0, reading(8), voids="second"),
            an_event("third", T0, reading(4), voids="second"),
            an_event("third", T0, voids="second"),
            an_event("last", T0, voids="third"),
        ],
    )
    assert list(outcomes) == [
        Recorded.UNKNOWN_EVENT,
        Recorded.ACCEPTED,
        Recorded.ACCEPTED,
        Recorded.ACCEPTED,
        Recorded.ALREADY_VOIDED,
        Recorded.DUPLICATE,
        Recorded.CONFLICT,
        Recorded.ACCEPTED,
    ]
    assert world.store.used("cus_1", {"free": SPAN}) == {"free": 0}


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(sent=st.lists(_sent))
def test_a_run_ends_where_an_event_hangs_on_one_of_it_and_nowhere_else(
    owner: Connection, sent: list[tuple[str, str, str]]
) -> None:
    """Given any events, when those that void are put into runs, they keep their order, and runs are whole."""
    columns = [list(column) for column in zip(*sent, strict=True)] or [[], [], []]
    rows = owner.execute("SELECT usage_void_runs(%s::text[], %s::text[], %s::text[]) AS run", columns)
    runs = [row["run"] for row in rows]

    def names(place: int) -> set[tuple[str, str]]:
        source, *said = sent[place - 1]
        return {(source, name) for name in said}

    def named(run: Sequence[int]) -> list[tuple[str, str]]:
        return [name for place in run for name in names(place)]

    assert list(chain(*runs)) == [place for place, (_, _, voids) in enumerate(sent, 1) if voids]
    assert all(len(named(run)) == len(set(named(run))) for run in runs)
    assert all(names(following[0]) & set(named(run)) for run, following in pairwise(runs))
