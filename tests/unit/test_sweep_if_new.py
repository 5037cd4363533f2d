from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.errors import UnavailableError
from billing.use_cases import sweep_if_new
from billing.use_cases.sweep_if_new import TRUSTED, Quiet, SweepIfNew
from billing.use_cases.sweep_stripe_events import GRACE, SweepStripeEvents, Swept
from tests.fakes.event_queue import FakeEventQueue
from tests.fakes.recovery import FakeStripeEvents, FakeSweepLog, FakeSweepMemory, at, listed

if TYPE_CHECKING:
    from datetime import datetime

NOW = at(0)
TYPES = ("customer.updated", "invoice.paid")
LATER = timedelta(minutes=5)


class World:
    """Stripe's list, the inbox, the queue and the memory, and the sweep between them."""

    def __init__(self) -> None:
        self.stripe = FakeStripeEvents(3)
        self.log = FakeSweepLog(NOW)
        self.queue = FakeEventQueue()
        self.memory = FakeSweepMemory()
        self.now = NOW
        self.types: tuple[str, ...] = TYPES

    def happened(self, *ages: float) -> list[str]:
        """Let events happen so many seconds before now; return their ids."""
        names = [f"evt_{len(self.stripe.events) + number}" for number in range(len(ages))]
        for name, age in zip(names, ages, strict=True):
            self.stripe.events.append(listed(name, self.now - timedelta(seconds=age)))
        return names

    def clock(self) -> datetime:
        """Return the time of this world."""
        return self.now

    def sweep(self, pages: int = 1000, *, wanted: bool = False) -> Swept | Quiet:
        """Run as another invocation does, for so many pages at most."""
        left = iter(range(pages))
        sweep = SweepStripeEvents(
            self.stripe, self.queue, self.log, self.clock, types=self.types, livemode=False
        )
        run = SweepIfNew(sweep, self.memory, self.clock)
        return run(lambda: next(left, None) is not None, wanted=wanted)

    def queued(self) -> list[str]:
        """Return the ids of the events on the queue, in order."""
        return [json.loads(body)["id"] for body in self.queue.bodies]

    def pass_by(self, time: timedelta = LATER) -> None:
        """Let time pass."""
        self.now += time
        self.log.now = self.now


@pytest.fixture
def world() -> World:
    """Return a world of which a sweep has seen the five events, of which the last hour has three."""
    made = World()
    made.happened(9000, 8000, 1200, 900, 600)
    assert isinstance(made.sweep(), Swept)
    made.pass_by()
    return made


def test_while_nothing_is_new_the_database_sleeps(world: World) -> None:
    """Given a finished sweep, when Stripe lists nothing else, then the database is not asked, for a day."""
    world.log.available = False
    for _ in range(3):
        found = world.sweep()
        assert isinstance(found, Quiet)
        assert (found.listed, found.until) == (3, world.now - GRACE)
        world.pass_by()
    world.pass_by(TRUSTED)
    with pytest.raises(UnavailableError):
        world.sweep()


@pytest.mark.parametrize("age", [150, 3000])
def test_what_is_new_is_swept(world: World, age: float) -> None:
    """Given a finished sweep, when another event is listed, young or late, then it is swept and queued."""
    before = world.queued()
    [name] = world.happened(age)
    found = world.sweep()
    assert isinstance(found, Swept)
    assert (found.missing, world.queued()) == (1, [*before, name])
    world.pass_by()
    assert isinstance(world.sweep(), Quiet)


def test_what_is_asked_for_is_swept(world: World) -> None:
    """Given that nothing is new, when an operator wants a sweep, then it is swept."""
    assert isinstance(world.sweep(wanted=True), Swept)


def test_another_release_with_other_types_sweeps(world: World) -> None:
    """Given a finished sweep, when a release asks for another type, then it is swept."""
    world.types += ("charge.updated",)
    assert isinstance(world.sweep(), Swept)
    world.pass_by()
    assert isinstance(world.sweep(), Quiet)


def test_a_sweep_that_was_cut_is_gone_on_with(world: World) -> None:
    """Given a sweep cut after a page, when it is gone on with, then nothing is skipped on its account."""
    names = world.happened(*range(130, 200, 10))
    assert isinstance(world.sweep(pages=1), Swept)
    found = world.sweep(pages=1)
    while isinstance(found, Swept) and not found.sweep.finished:
        world.pass_by()
        found = world.sweep(pages=1)
    assert isinstance(found, Swept)
    assert set(names) <= set(world.queued())


def test_a_queue_that_is_away_leaves_nothing_seen(world: World) -> None:
    """Given the queue away, when a new event is swept, then it is new to the next run as well."""
    [name] = world.happened(150)
    world.queue.away = True
    with pytest.raises(UnavailableError):
        world.sweep()
    world.queue.away = False
    world.pass_by()
    assert isinstance(world.sweep(), Swept)
    assert world.queued()[-1] == name


def test_without_its_memory_it_sweeps(world: World) -> None:
    """Given the memory away or lost, when it runs, then it sweeps, as if there had never been one."""
    world.memory.away = True
    assert isinstance(world.sweep(), Swept)
    world.memory.away, world.memory.window = False, None
    assert isinstance(world.sweep(), Swept)
    assert isinstance(world.sweep(), Quiet)


def test_more_than_can_be_remembered_is_not(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given more events than are remembered, when it runs again, then it sweeps again."""
    monkeypatch.setattr(sweep_if_new, "MOST_REMEMBERED", 3)
    world.happened(*range(130, 170, 10))
    assert isinstance(world.sweep(), Swept)
    world.pass_by()
    assert isinstance(world.sweep(), Swept)


def test_stripe_away_is_said_by_the_sweep(world: World) -> None:
    """Given Stripe away, when it runs, then the sweep's log has why."""
    world.stripe.away = True
    with pytest.raises(UnavailableError):
        world.sweep()
    assert list(world.log.errors.values()) == ["UnavailableError: The stripe does not answer."]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(("event", "run", "run", "cut", "queue away", "forget", "memory away")),
            st.integers(0, 1500),
        ),
        max_size=40,
    )
)
def test_whatever_happens_every_event_is_queued_once_it_is_an_hour_old(steps: list[tuple[str, int]]) -> None:
    """Given any history of events and runs, when it runs twice more, then no event was passed over (10)."""
    world = World()
    for what, seconds in steps:
        world.queue.away, world.memory.away = what == "queue away", what == "memory away"
        if what == "event":
            world.happened(seconds)  # listed late: it happened so long ago
        elif what == "forget":
            world.memory.window = None
        else:
            try:
                world.sweep(pages=1 if what == "cut" else 1000)
            except UnavailableError:
                assert what == "queue away"
        world.pass_by(timedelta(seconds=seconds))
    world.queue.away = world.memory.away = False
    world.pass_by()
    for _ in range(3):
        world.sweep()
    assert {event["id"] for event in world.stripe.events} == set(world.queued())
