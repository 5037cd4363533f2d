"""How events of the objects that Stripe shows in part, or returns by no id, end."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from billing.domain.mirror import Deletion, Mention, ObjectKind, Outcome
from billing.use_cases.apply_stripe_event import Applied
from tests.fakes.more_objects import COUPON, DISCOUNT, PAYMENT_METHOD, TIERED_PRICE
from tests.support.stripe_world import SECOND, T0, World, an_event

UNTOLD = replace(TIERED_PRICE, tiers=None)


@pytest.fixture
def world() -> World:
    return World()


def test_a_tiered_price_is_completed_by_asking_stripe(world: World) -> None:
    """Given an event of a tiered price, which does not show the tiers, then Stripe's word stands."""
    world.stripe.put(TIERED_PRICE)
    assert world.apply(an_event(UNTOLD)) == Applied(Outcome.APPLIED, asked_stripe=True)
    assert world.state(ObjectKind.PRICE, "price_1") == TIERED_PRICE


def test_a_tiered_price_that_is_gone_is_quarantined(world: World) -> None:
    """Given an event of a tiered price that Stripe does not know any more, then its tiers are not made up."""
    applied = world.apply(an_event(UNTOLD))
    assert applied.outcome is Outcome.QUARANTINED
    assert applied.reason == "price: incomplete, and Stripe does not know it any more"


def test_two_states_of_a_discount_of_one_second_end_in_the_one_that_came_last(world: World) -> None:
    """Given two states of one second of what Stripe returns by no id, then the order of arrival decides."""
    other = replace(DISCOUNT, promotion_code=None)
    assert world.apply(an_event(DISCOUNT, "evt_1")) == Applied(Outcome.APPLIED)
    assert world.apply(an_event(other, "evt_2")) == Applied(Outcome.APPLIED)  # nobody was asked
    assert world.state(ObjectKind.DISCOUNT, "di_1") == other


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_discount_made_and_removed_in_one_second_is_gone(world: World, order: tuple[int, ...]) -> None:
    """Given a discount's creation, change and end in one second, in any order, then it is deleted (7)."""
    gone = Deletion(ObjectKind.DISCOUNT, "di_1", last=DISCOUNT)
    events = [
        an_event(DISCOUNT, "evt_1"),
        an_event(replace(DISCOUNT, promotion_code=None), "evt_2"),
        an_event(gone, "evt_3"),
    ]
    for number in order:
        world.apply(events[number])
    assert world.mirror.state(ObjectKind.DISCOUNT, "di_1") == gone


def test_an_unreadable_old_discount_cannot_be_asked_for(world: World) -> None:
    """Given a discount that an old payload only mentions, then it is quarantined with what it lacks."""
    applied = world.apply(an_event(Mention(ObjectKind.DISCOUNT, "di_1", "discount.start: missing")))
    assert applied.outcome is Outcome.QUARANTINED
    assert applied.reason is not None
    assert applied.reason.startswith("discount.start: missing")


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0), (0, 2, 1)])
def test_a_coupon_that_is_made_anew_stands_in_any_order(world: World, order: tuple[int, ...]) -> None:
    """Given a coupon deleted and made anew under its id, in any order, then the new one stands (7)."""
    first = replace(COUPON, created=T0, name="First")
    second = replace(COUPON, created=T0 + 9 * SECOND, name="Second")
    events = [
        an_event(first, "evt_1"),
        an_event(Deletion(ObjectKind.COUPON, COUPON.id, last=first), "evt_2", after=5),
        an_event(second, "evt_3", after=9),
    ]
    for number in order:
        world.apply(events[number])
    assert world.mirror.state(ObjectKind.COUPON, COUPON.id) == second


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("stands", [True, False])
def test_a_coupon_that_is_made_anew_in_one_second_ends_as_stripe_has_it(
    world: World, order: tuple[int, ...], stands: bool
) -> None:
    """Given creation, deletion and perhaps creation anew in one second, in any order, then Stripe decides."""
    first, second = (replace(COUPON, created=T0, name=name) for name in ("First", "Second"))
    gone = Deletion(ObjectKind.COUPON, COUPON.id, last=first)
    events = [an_event(first, "evt_1"), an_event(gone, "evt_2"), an_event(second, "evt_3")]
    if stands:
        world.stripe.put(second)
    for number in order:
        if stands or number != 2:
            world.apply(events[number])
    assert world.mirror.state(ObjectKind.COUPON, COUPON.id) == (second if stands else gone)


@pytest.mark.parametrize("kind", [ObjectKind.COUPON, ObjectKind.CUSTOMER])
def test_what_is_mentioned_after_its_deletion_is_fetched_if_it_can_be_another(
    world: World, kind: ObjectKind
) -> None:
    """Given a deletion, when an old payload mentions the id later, then Stripe is asked only of a coupon."""
    second = replace(COUPON, created=T0 + 9 * SECOND)
    world.stripe.put(second)
    world.apply(an_event(Deletion(kind, COUPON.id), "evt_1", after=5))
    ended = world.apply(an_event(Mention(kind, COUPON.id, "coupon.name: missing"), "evt_2", after=9))
    if kind is ObjectKind.COUPON:
        assert ended == Applied(Outcome.APPLIED, asked_stripe=True)
        assert world.mirror.state(kind, COUPON.id) == second
    else:
        assert ended == Applied(Outcome.STALE)


def test_what_is_mentioned_after_its_deletion_and_is_gone_stays_deleted(world: World) -> None:
    """Given a deleted coupon, when an old payload mentions it and Stripe knows none, then it is stale."""
    world.apply(an_event(Deletion(ObjectKind.COUPON, COUPON.id, last=COUPON), "evt_1", after=5))
    mentioned = Mention(ObjectKind.COUPON, COUPON.id, "coupon.name: missing")
    assert world.apply(an_event(mentioned, "evt_2", after=5)) == Applied(Outcome.STALE, asked_stripe=True)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_digits_of_a_deleted_customer_are_forgotten(world: World, order: tuple[int, ...]) -> None:
    """Given a card, its change and its customer's deletion, in any order, then no digits are kept (33)."""
    events = [
        an_event(PAYMENT_METHOD, "evt_1"),
        an_event(replace(PAYMENT_METHOD, exp_year=2035), "evt_2", after=9),
        an_event(Deletion(ObjectKind.CUSTOMER, "cus_1"), "evt_3", after=5),
    ]
    for number in order:
        world.apply(events[number])
    forgotten = replace(PAYMENT_METHOD, last4=None, exp_month=None, exp_year=None)
    assert world.mirror.state(ObjectKind.PAYMENT_METHOD, PAYMENT_METHOD.id) == forgotten
