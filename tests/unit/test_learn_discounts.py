"""How the mirror comes to know discounts that no event of its webhook told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from billing.domain.credit_notes import CreditNote
from billing.domain.errors import BillingError, RefusedError, UnavailableError
from billing.domain.mirror import Mention, ObjectKind, Outcome
from billing.domain.recovery import NotAllowedError
from billing.use_cases.apply_stripe_event import Applied
from billing.use_cases.learn_discounts import LearnDiscounts
from tests.fakes.more_objects import COUPON, DISCOUNT
from tests.support.stripe_world import DRAFT, OPEN, PAID, World, an_event, snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from billing.domain.mirror import StripeEvent

NOTE = snapshot("credit_note.created")


@pytest.fixture
def world() -> World:
    made = World()
    made.stripe.discounts["in_1"] = [DISCOUNT, COUPON]
    return made


def test_an_unknown_discount_is_fetched_once(world: World) -> None:
    """Given an invoice's discount that no event told, when events name it, then one call brings it."""
    assert world.apply(an_event(OPEN, "evt_1")) == Applied(Outcome.APPLIED)
    assert world.apply(an_event(PAID, "evt_2", after=1)) == Applied(Outcome.APPLIED)
    assert world.state(ObjectKind.DISCOUNT, "di_1") == DISCOUNT
    assert world.state(ObjectKind.COUPON, "LAUNCH") == COUPON
    assert world.stripe.asked_for_discounts == ["invoice in_1"]


def test_events_of_one_batch_share_the_call(world: World) -> None:
    """Given two events of an invoice in one batch, when they are applied together, then one call is made."""
    world.apply.together([an_event(OPEN, "evt_1"), an_event(PAID, "evt_2", after=1)])
    assert world.state(ObjectKind.COUPON, "LAUNCH") == COUPON
    assert world.stripe.asked_for_discounts == ["invoice in_1"]


def test_a_discount_that_events_brought_is_not_fetched(world: World) -> None:
    """Given a discount and its coupon known by events, when an invoice names it, then nobody is asked."""
    world.apply(an_event(DISCOUNT, "evt_1"))
    world.apply(an_event(COUPON, "evt_2"))
    world.apply(an_event(OPEN, "evt_3"))
    assert world.stripe.asked_for_discounts == []


def test_a_discount_without_its_coupon_is_fetched(world: World) -> None:
    """Given a discount of a coupon older than the webhook, when an invoice names it, then both come."""
    world.apply(an_event(DISCOUNT, "evt_1"))
    world.apply(an_event(OPEN, "evt_2"))
    assert world.state(ObjectKind.COUPON, "LAUNCH") == COUPON


def test_a_coupon_that_is_known_stays_as_it_is(world: World) -> None:
    """Given a newer coupon that took the id of the old, when that is learned, then the newer stands."""
    newer = replace(COUPON, name="Newer")
    world.apply(an_event(newer, "evt_1"))
    world.apply(an_event(OPEN, "evt_2"))
    assert world.state(ObjectKind.DISCOUNT, "di_1") == DISCOUNT
    assert world.state(ObjectKind.COUPON, "LAUNCH") == newer


def test_an_invoice_without_discounts_asks_nothing(world: World) -> None:
    """Given an invoice without discounts, when it is applied, then Stripe is not asked for any."""
    lines = tuple(replace(line, discounts=()) for line in OPEN.lines)
    world.apply(an_event(replace(OPEN, discounts=(), lines=lines)))
    assert world.stripe.asked_for_discounts == []


def test_a_credit_note_brings_its_discounts(world: World) -> None:
    """Given a credit note of an invoice that is not mirrored, when it comes, then its own answer tells."""
    assert isinstance(NOTE, CreditNote)
    world.stripe.discounts[NOTE.id] = [DISCOUNT, COUPON]
    world.apply(an_event(NOTE))
    assert world.state(ObjectKind.COUPON, "LAUNCH") == COUPON
    assert world.stripe.asked_for_discounts == [f"credit_note {NOTE.id}"]


def test_a_discount_missed_while_stripe_was_away_comes_with_the_next_delivery(world: World) -> None:
    """Given Stripe away, when an event fails and comes again, then the invoice stood and the name follows."""
    world.apply(an_event(snapshot("tax_rate.updated"), "evt_rate"))
    world.stripe.away = True
    with pytest.raises(UnavailableError):
        world.apply(an_event(OPEN))
    assert world.state() == OPEN
    world.stripe.away = False
    assert world.apply(an_event(OPEN)) == Applied(None)
    assert world.state(ObjectKind.COUPON, "LAUNCH") == COUPON


@pytest.mark.parametrize("stands", [(), (an_event(PAID, "evt_0"),)])
def test_what_a_fetched_invoice_names_is_learned_before_its_event_ends(
    world: World, monkeypatch: pytest.MonkeyPatch, stands: tuple[StripeEvent, ...]
) -> None:
    """Given an event that does not tell its invoice, when a discount fails, then the next try brings it."""
    lines = tuple(replace(line, discounts=()) for line in PAID.lines)
    for event in stands:  # the event to come is a tie with it, or else a mention
        world.apply(replace(event, content=replace(PAID, discounts=(), lines=lines)))
    told = replace(OPEN, discounts=(), lines=lines) if stands else Mention(ObjectKind.INVOICE, "in_1", "old")
    world.stripe.put(OPEN)
    with monkeypatch.context() as away:
        away.setattr(world.stripe, "fetch_discounts", unanswered)
        with pytest.raises(UnavailableError):
            world.apply(an_event(told))
    world.apply(an_event(told))
    assert world.state() == OPEN
    assert world.state(ObjectKind.COUPON, "LAUNCH") == COUPON


def test_a_discount_that_stripe_does_not_tell_is_asked_for_once(world: World) -> None:
    """Given a discount that Stripe does not tell, when events name it, then they end all the same."""
    world.stripe.discounts.clear()
    assert world.apply(an_event(OPEN, "evt_1")) == Applied(Outcome.APPLIED)
    assert world.apply(an_event(PAID, "evt_2", after=1)) == Applied(Outcome.APPLIED)
    assert world.stripe.asked_for_discounts == ["invoice in_1"]


def test_a_stale_event_brings_its_discounts(world: World) -> None:
    """Given a later state without discounts, when an older one names one, then it is learned."""
    lines = tuple(replace(line, discounts=()) for line in PAID.lines)
    world.apply(an_event(replace(PAID, discounts=(), lines=lines), "evt_2", after=1))
    assert world.apply(an_event(DRAFT, "evt_1")) == Applied(Outcome.STALE)
    assert world.state(ObjectKind.COUPON, "LAUNCH") == COUPON


def unanswered(*_: object) -> list[object]:
    raise UnavailableError("stripe")


def not_allowed(*_: object) -> list[object]:
    raise NotAllowedError


def unreadable(*_: object) -> list[object]:
    raise BillingError("Stripe's answer cannot be read: invoice.total_discount_amounts: missing")


def refused(*_: object) -> list[object]:
    raise RefusedError("CheckViolation")


@pytest.mark.parametrize(
    ("part", "failure"), [("stripe", not_allowed), ("stripe", unreadable), ("mirror", refused)]
)
def test_what_will_never_be_learned_holds_nothing_up(
    world: World, monkeypatch: pytest.MonkeyPatch, part: str, failure: Callable[..., list[object]]
) -> None:
    """Given what fails at every try, when it was tried once, then no error and no other try follows."""
    learn = LearnDiscounts(world.mirror, world.stripe)
    name = "fetch_discounts" if part == "stripe" else "apply_all"
    with monkeypatch.context() as patched:
        patched.setattr(getattr(world, part), name, failure)
        learn(OPEN)
    learn(OPEN)
    assert world.state(ObjectKind.COUPON, "LAUNCH") is None


def test_it_forgets_rather_than_grow_for_ever(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given room for one discount, when two were seen to, then the first is looked up anew, not fetched."""
    monkeypatch.setattr("billing.use_cases.learn_discounts._REMEMBERED", 1)
    learn = LearnDiscounts(world.mirror, world.stripe)
    learn(OPEN)
    other = replace(OPEN.discounts[0], discount="di_2")
    learn(replace(OPEN, id="in_2", discounts=(other,), lines=()))
    learn(OPEN)
    assert world.stripe.asked_for_discounts == ["invoice in_1", "invoice in_2"]
