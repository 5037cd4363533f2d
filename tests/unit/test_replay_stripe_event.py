from __future__ import annotations

import json

import pytest

from billing.domain.errors import NotFoundError, UnavailableError
from billing.domain.mirror import Outcome
from billing.domain.recovery import InboxRow
from billing.use_cases.replay_stripe_event import MOST_ROWS, ReplayStripeEvent, Source
from tests.fakes.event_queue import FakeEventQueue
from tests.fakes.recovery import FakeInbox, FakeStripeEvents, at, listed


class World:
    """An inbox, Stripe's list and the queue."""

    def __init__(self) -> None:
        self.inbox = FakeInbox()
        self.stripe = FakeStripeEvents()
        self.queue = FakeEventQueue()
        self.replay = ReplayStripeEvent(self.inbox, self.stripe, self.queue)

    def knows(self, outcome: Outcome, payload: str | None = None) -> InboxRow:
        """Let the inbox know the event evt_1, and Stripe too."""
        row = InboxRow("evt_1", "customer.updated", outcome, "why", 1, at(0), at(1), "cus_1", None, payload)
        self.inbox.rows["evt_1"] = row
        self.stripe.events = [listed("evt_1", at(0))]
        return row


def test_a_quarantined_event_is_queued_as_it_came() -> None:
    """Given a quarantined event, when replayed, then its own payload is queued, not Stripe's (11)."""
    world = World()
    row = world.knows(Outcome.QUARANTINED, '{"as": "it came"}')
    replayed = world.replay("evt_1")
    assert (replayed.before, replayed.source) == (row, Source.INBOX)
    assert world.queue.bodies == ['{"as": "it came"}']


@pytest.mark.parametrize("outcome", [Outcome.QUARANTINED, Outcome.FAILED])
def test_what_was_not_kept_comes_from_stripe(outcome: Outcome) -> None:
    """Given an event without a kept payload, when replayed, then Stripe's is queued (11)."""
    world = World()
    world.knows(outcome)
    assert world.replay("evt_1").source is Source.STRIPE
    assert [json.loads(body) for body in world.queue.bodies] == world.stripe.events


def test_an_event_that_the_inbox_never_saw_comes_from_stripe() -> None:
    """Given an event that only Stripe knows, when replayed, then it is queued."""
    world = World()
    world.stripe.events = [listed("evt_2", at(0))]
    replayed = world.replay("evt_2")
    assert (replayed.before, replayed.source) == (None, Source.STRIPE)


@pytest.mark.parametrize("outcome", [Outcome.APPLIED, Outcome.STALE, Outcome.IGNORED])
def test_what_has_ended_stays_as_it_is(outcome: Outcome) -> None:
    """Given an event that ended, when replayed, then nothing is queued, and its row is told."""
    world = World()
    row = world.knows(outcome)
    replayed = world.replay("evt_1")
    assert (replayed.before, replayed.source, world.queue.bodies) == (row, None, [])


def test_an_event_that_nobody_has_is_said() -> None:
    """Given an id that neither side knows, when replayed, then it is not found."""
    with pytest.raises(NotFoundError):
        World().replay("evt_none")


def test_a_queue_that_is_away_is_said() -> None:
    """Given the queue away, when replayed, then it is unavailable."""
    world = World()
    world.knows(Outcome.QUARANTINED, "{}")
    world.queue.away = True
    with pytest.raises(UnavailableError):
        world.replay("evt_1")


def test_rows_are_told_up_to_a_bound() -> None:
    """Given more rows than one answer shows, when all are asked for, then the bound holds."""
    world = World()
    row = world.knows(Outcome.FAILED)
    world.inbox.rows = {f"evt_{n}": row for n in range(MOST_ROWS + 5)}
    assert len(world.replay.newest(Outcome.FAILED, 10**9)) == MOST_ROWS
    assert len(world.replay.newest(Outcome.FAILED, 0)) == 1
    assert world.replay.show("evt_0") == row
