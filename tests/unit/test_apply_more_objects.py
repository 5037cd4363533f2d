"""How events of the objects that Stripe shows in part, or returns by no id, end."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from billing.domain.mirror import Deletion, Mention, ObjectKind, Outcome
from billing.use_cases.apply_stripe_event import Applied
from tests.fakes.more_objects import COUPON, DISCOUNT, TIERED_PRICE
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
    assert world.apply(an_event(other, "evt_2")).outcome is Outcome.APPLIED
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
