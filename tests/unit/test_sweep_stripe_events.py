from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.errors import UnavailableError
from billing.domain.mirror import Outcome
from billing.domain.recovery import NotAllowedError, OvertakenError, WrongAccountError
from billing.use_cases.sweep_stripe_events import GRACE, OVERLAP, PATIENCE, SweepStripeEvents
from tests.fakes.event_queue import FakeEventQueue
from tests.fakes.recovery import FakeStripeEvents, FakeSweepLog, at, listed

if TYPE_CHECKING:
    from datetime import datetime

    from billing.use_cases.sweep_stripe_events import Swept

NOW = at(0)
DAY = timedelta(days=1)
TYPES = ("customer.updated", "invoice.paid")


class World:
    """Stripe's list, the inbox and the queue, and the sweep between them."""

    def __init__(
        self, size: int = 100, types: tuple[str, ...] = TYPES, thin_types: tuple[str, ...] = ()
    ) -> None:
        self.thin_types = thin_types
        self.stripe = FakeStripeEvents(size)
        self.log = FakeSweepLog(NOW)
        self.queue = FakeEventQueue()
        self.now = NOW
        self.types = types

    def happened(self, *ages: float) -> list[str]:
        """Let events happen so many seconds before now; return their ids."""
        names = [f"evt_{len(self.stripe.events) + number}" for number in range(len(ages))]
        for name, age in zip(names, ages, strict=True):
            self.stripe.events.append(listed(name, self.now - timedelta(seconds=age)))
        return names

    def clock(self) -> datetime:
        """Return the time of this world."""
        return self.now

    def use_case(self) -> SweepStripeEvents:
        """Return the sweep as another invocation has it."""
        return SweepStripeEvents(
            self.stripe,
            self.queue,
            self.log,
            self.clock,
            types=self.types,
            thin_types=self.thin_types,
            livemode=False,
        )

    def sweep(self, pages: int = 1000) -> Swept:
        """Sweep for so many pages at most."""
        left = iter(range(pages))
        return self.use_case()(lambda: next(left, None) is not None)

    def queued(self) -> list[str]:
        """Return the ids of the events on the queue, in order."""
        return [json.loads(body)["id"] for body in self.queue.bodies]

    def pass_by(self, time: timedelta) -> None:
        """Let time pass."""
        self.now += time
        self.log.now = self.now


def test_an_event_that_never_came_is_queued_as_it_is() -> None:
    """Given an event that the inbox does not know, when swept, then the queue has its JSON, once (10)."""
    world = World()
    [name] = world.happened(600)
    swept = world.sweep()
    assert (swept.missing, swept.queued, swept.sweep.finished) == (1, 1, True)
    assert [json.loads(body) for body in world.queue.bodies] == world.stripe.events
    world.pass_by(timedelta(minutes=5))
    assert world.sweep().missing == 0
    assert world.queued() == [name]


@pytest.mark.parametrize("outcome", [o for o in Outcome if o is not Outcome.FAILED])
def test_an_event_that_ended_is_left_alone(outcome: Outcome) -> None:
    """Given an event that ended, however it did, when swept, then it is not queued again."""
    world = World()
    [name] = world.happened(600)
    world.log.inbox[name] = outcome
    assert (world.sweep().sweep.listed, world.queued()) == (1, [])


def test_a_failed_event_is_the_queues_until_the_queue_gives_up() -> None:
    """Given a failed event, when swept, then it is queued only once the queue has stopped trying."""
    world = World()
    young, old = world.happened(600, 600)
    world.log.inbox = dict.fromkeys((young, old), Outcome.FAILED)
    world.log.first_tries = {young: NOW - PATIENCE / 2, old: NOW - 2 * PATIENCE}
    world.sweep()
    assert world.queued() == [old]


def test_the_first_sweep_reaches_back_thirty_days() -> None:
    """Given no sweep yet, when the first runs, then its window is all that Stripe lists, less the grace."""
    world = World()
    swept = world.sweep()
    assert (swept.sweep.since, swept.sweep.until, swept.sweep.gap) == (NOW - 30 * DAY, NOW - GRACE, False)


def test_what_is_under_way_is_left_to_the_webhook() -> None:
    """Given an event of the last two minutes, when swept, then it waits for the next sweep."""
    world = World()
    [name] = world.happened(60)
    assert world.sweep().sweep.listed == 0
    world.pass_by(timedelta(minutes=5))
    assert (world.sweep().queued, world.queued()) == (1, [name])


def test_windows_overlap() -> None:
    """Given a finished sweep, when an event shows up late in Stripe's list, then the next one finds it."""
    world = World()
    first = world.sweep().sweep
    [late] = world.happened(50 * 60)
    world.pass_by(timedelta(minutes=5))
    second = world.sweep().sweep
    assert second.since == first.until - OVERLAP
    assert world.queued() == [late]


def test_an_outage_is_caught_up_with_one_sweep() -> None:
    """Given twenty days without sweep and webhook, when one runs, then every event since is queued (10)."""
    world = World(size=7)
    world.sweep()
    world.pass_by(20 * DAY)
    names = world.happened(*range(300, 19 * 86_400, 80_000))
    swept = world.sweep()
    assert (swept.sweep.gap, swept.sweep.finished) == (False, True)
    assert sorted(world.queued()) == sorted(names)


def test_an_outage_that_stripe_has_forgotten_is_told() -> None:
    """Given over 30 days without a sweep, when one runs, then it reaches as far as Stripe and says `gap`."""
    world = World()
    world.sweep()
    world.pass_by(31 * DAY)
    swept = world.sweep()
    assert (swept.sweep.gap, swept.sweep.since) == (True, world.now - 30 * DAY)


def test_events_made_while_pages_are_read_shift_nothing() -> None:
    """Given new events between the pages, when the sweep goes on, then it sees each old one once."""
    world = World(size=2)
    names = world.happened(900, 800, 700, 600, 500)
    world.sweep(pages=1)
    world.pass_by(timedelta(minutes=10))
    world.happened(0, 1, 2)
    swept = world.sweep()
    assert (swept.sweep.finished, swept.sweep.listed) == (True, 5)
    assert sorted(world.queued()) == names


@given(
    ages=st.lists(st.integers(120, 140), max_size=30),
    size=st.integers(1, 5),
    cuts=st.lists(st.integers(1, 4), max_size=20),
    known=st.sets(st.integers(0, 29)),
)
def test_no_event_is_lost_to_equal_seconds_pages_or_cuts(
    ages: list[int], size: int, cuts: list[int], known: set[int]
) -> None:
    """Given events of the same seconds, any page size and any cuts, then what is missing is queued once."""
    world = World(size)
    names = world.happened(*ages)
    world.log.inbox = {f"evt_{number}": Outcome.APPLIED for number in known}
    for pages in cuts:
        world.sweep(pages)
    world.sweep()
    assert sorted(world.queued()) == sorted(name for name in names if name not in world.log.inbox)


def test_a_run_that_fails_goes_on_where_it_was() -> None:
    """Given the queue away in the middle, when it is back, then the sweep says why and goes on."""
    world = World(size=2)
    names = world.happened(*range(600, 900, 50))
    world.sweep(pages=1)
    world.queue.away = True
    with pytest.raises(UnavailableError):
        world.sweep()
    assert world.log.errors == {1: "UnavailableError: The queue does not answer."}
    world.queue.away = False
    asked = world.stripe.asked
    assert world.sweep().sweep.finished
    assert (world.log.errors, world.stripe.asked - asked) == ({}, 2)
    assert sorted(world.queued()) == sorted(names)


def test_types_are_asked_for_twenty_at_a_time() -> None:
    """Given 45 types, when swept, then events of each are found, in three lists."""
    world = World(types=tuple(f"kind.{number:02}" for number in range(45)))
    for number in range(45):
        world.stripe.events.append(listed(f"evt_{number}", NOW - DAY, f"kind.{number:02}"))
    assert (world.sweep().queued, world.stripe.asked) == (45, 3)


def test_other_types_are_not_asked_for() -> None:
    """Given an event of a type that changes nothing here, when swept, then it is not even listed."""
    world = World()
    world.stripe.events.append(listed("evt_1", NOW - DAY, "charge.succeeded"))
    assert world.sweep().sweep.listed == 0


def test_a_version_with_other_types_begins_its_lists_anew() -> None:
    """Given a sweep cut by a deploy that adds a type, when it goes on, then no event of either is lost."""
    world = World(size=1)
    world.happened(600, 700)
    world.sweep(pages=1)
    world.types = (*TYPES, "a.new_one")
    world.stripe.events.append(listed("evt_new", NOW - DAY, "a.new_one"))
    assert world.sweep().sweep.finished
    assert sorted(world.queued()) == ["evt_0", "evt_1", "evt_new"]


def test_a_cursor_that_stripe_has_forgotten_begins_the_list_anew() -> None:
    """Given the last seen event gone from Stripe, when the sweep goes on, then the rest is still found."""
    world = World(size=1)
    names = world.happened(600, 700, 800)
    world.sweep(pages=1)
    world.stripe.events = [event for event in world.stripe.events if event["id"] != names[0]]
    assert world.sweep().sweep.finished
    assert sorted(world.queued()) == names


def test_two_runs_at_once_do_no_harm() -> None:
    """Given a second run that is ahead, when the first keeps its page, then it stops and nothing is lost."""
    world = World(size=1)
    names = world.happened(600, 700, 800)
    first = world.use_case()
    ahead = iter([False])

    def meanwhile() -> bool:
        if next(ahead, True) is False:
            world.sweep(pages=2)
        return True

    with pytest.raises(OvertakenError):
        first(meanwhile)
    assert world.log.errors == {}
    assert world.sweep().sweep.finished
    assert set(world.queued()) == set(names)


def test_an_event_of_the_other_mode_stops_the_sweep() -> None:
    """Given a key of live mode in a test system, when swept, then nothing is queued, and it is said."""
    world = World()
    world.stripe.events.append(listed("evt_1", NOW - DAY, livemode=True))
    with pytest.raises(WrongAccountError):
        world.sweep()
    assert world.queued() == []


def test_an_event_that_no_message_holds_is_counted_and_passed_over() -> None:
    """Given an event of over 1 MiB, when swept, then it is missing, not queued, and the rest goes on."""
    world = World()
    world.stripe.events += [listed("evt_1", NOW - DAY, padding="x" * 2**20), listed("evt_2", NOW - DAY)]
    swept = world.sweep()
    assert (swept.missing, swept.queued, world.queued()) == (2, 1, ["evt_2"])


def test_the_lag_is_the_age_of_the_last_complete_sweep() -> None:
    """Given a sweep that is cut, when asked, then the lag is that of the one before."""
    world = World(size=1)
    world.happened(600, 700)
    assert world.sweep(pages=1).lag is None
    assert world.sweep().lag == GRACE
    world.pass_by(timedelta(minutes=10))
    world.happened(300, 300)
    assert world.sweep(pages=1).lag == GRACE + timedelta(minutes=10)


def test_a_database_that_is_away_is_said() -> None:
    """Given the database away, when swept, then it is unavailable and the queue stays empty."""
    world = World()
    world.happened(600)
    world.log.available = False
    with pytest.raises(UnavailableError):
        world.sweep()
    assert world.queued() == []


def test_thin_events_are_swept_after_the_others_in_a_list_of_their_own() -> None:
    """Given an event of each API that never came, when swept, then both are queued, each asked for apart."""
    world = World(thin_types=("v1.billing.meter.error_report_triggered",))
    [name] = world.happened(600)
    thin = {
        **listed("evt_thin", NOW - timedelta(seconds=600)),
        "type": "v1.billing.meter.error_report_triggered",
    }
    world.stripe.events.append(thin)
    swept = world.sweep()
    assert (swept.queued, swept.unlisted, swept.sweep.finished) == (2, (), True)
    assert world.queued() == [name, "evt_thin"]
    assert world.stripe.asked == 2


def test_a_key_that_may_not_list_thin_events_ends_the_sweep_of_the_others() -> None:
    """Given a key of before, when swept, then the sweep ends, and says what it could not list."""
    world = World(thin_types=("v1.billing.meter.error_report_triggered",))
    world.stripe.forbidden = world.thin_types
    [name] = world.happened(600)
    swept = world.sweep()
    assert (swept.queued, swept.unlisted, swept.sweep.finished) == (1, world.thin_types, True)
    assert world.queued() == [name]
    world.stripe.forbidden = TYPES
    with pytest.raises(NotAllowedError):
        world.sweep()
