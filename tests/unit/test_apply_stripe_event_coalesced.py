"""Events of one object that came together: what Stripe says once is true of all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from billing.domain.mirror import Deletion, Mention, ObjectKind, Outcome
from billing.use_cases.apply_stripe_event import Applied
from tests.support.stripe_world import OPEN, PAID, SECOND, T0, World, an_event, an_invoice

if TYPE_CHECKING:
    from billing.domain.mirror import Snapshot, StripeEvent


def test_ties_of_one_object_are_settled_by_one_call() -> None:
    """Given ten states of one second and a Stripe of the next, when they came together, one call is made."""
    world = World()
    world.stripe.now = T0
    world.stripe.put(PAID)
    events = [an_event(an_invoice("open", description=str(n)), f"evt_{n}") for n in range(10)]
    done = world.apply.together(events)
    fetched: set[tuple[ObjectKind, str]] = set()
    left = [world.apply(event, fetched) for event in events if event.id not in done]
    assert (world.state(), world.stripe.asked) == (PAID, 1)
    assert left == [Applied(Outcome.APPLIED, asked_stripe=True)] + [Applied(Outcome.STALE)] * 8


def test_a_newer_event_after_an_older_one_is_asked_for_once_more() -> None:
    """Given mentions of two seconds, the older first, when the newer follows, then Stripe is asked again."""
    world = World()
    world.stripe.now = T0
    world.stripe.put(PAID)
    fetched: set[tuple[ObjectKind, str]] = set()
    told = Mention(ObjectKind.INVOICE, "in_1", "old")
    for after in (0, 1):
        world.apply(an_event(told, f"evt_{after}", after=after), fetched)
    assert world.stripe.asked == 2
    world.apply(an_event(told, "evt_2", after=1), fetched)
    assert world.stripe.asked == 2


def test_what_stripe_does_not_know_says_nothing_of_other_events() -> None:
    """Given an invoice that Stripe does not know, when two states of one second came, then each is judged."""
    world = World()
    world.apply(an_event(OPEN, "evt_0"))
    fetched: set[tuple[ObjectKind, str]] = set()
    world.apply(an_event(PAID, "evt_1"), fetched)
    assert fetched == set()


def test_a_duplicate_writes_nothing_and_says_nothing_of_other_events() -> None:
    """Given a mention that ended before, when it comes again, then no other event is taken for told."""
    world = World()
    world.stripe.now = T0
    world.stripe.put(PAID)
    mention = an_event(Mention(ObjectKind.INVOICE, "in_1", "old"), "evt_1")
    world.apply(mention)
    fetched: set[tuple[ObjectKind, str]] = set()
    assert world.apply(mention, fetched) == Applied(None, asked_stripe=True)
    assert fetched == set()


@settings(max_examples=300)
@given(data=st.data())
def test_batches_beside_stripes_changes_converge(data: st.DataObject) -> None:
    """Given states, mentions, a deletion in batches while Stripe goes on, when all came, its end stands."""
    world = World()
    waiting: list[StripeEvent] = []
    length, ends_deleted = data.draw(st.integers(1, 12)), data.draw(st.booleans())
    life: list[Snapshot | Deletion] = [an_invoice(description=str(n)) for n in range(length)]
    life += [Deletion(ObjectKind.INVOICE, "in_1")] * ends_deleted
    second = 0
    for n, state in enumerate(life):
        second += data.draw(st.integers(0, 1))
        is_last = n + 1 == len(life)
        world.stripe.put(state)
        world.stripe.now = T0 + second * SECOND
        is_told = isinstance(state, Deletion) or data.draw(st.booleans())
        told = state if is_told else Mention(ObjectKind.INVOICE, "in_1", "old")
        waiting.append(an_event(told, f"evt_{n}", after=second))
        if is_last or data.draw(st.booleans()):
            batch = waiting if is_last else data.draw(st.lists(st.sampled_from(waiting), unique_by=id))
            waiting = [event for event in waiting if event not in batch]
            _applied(world, data.draw(st.permutations(batch)))
    standing = world.mirror.standing(ObjectKind.INVOICE, "in_1")
    assert standing is not None
    assert standing.deleted if ends_deleted else world.state() == life[-1]


def _applied(world: World, batch: list[StripeEvent]) -> None:
    """Apply a batch as the function does."""
    done = world.apply.together(batch)
    fetched: set[tuple[ObjectKind, str]] = set()
    for event in sorted(batch, key=lambda one: one.created, reverse=True):
        if event.id not in done:
            world.apply(event, fetched)
