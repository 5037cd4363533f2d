"""What every Mirror promises about discounts and coupons, and every reader shows of them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from billing.domain.mirror import Deletion, ObjectKind, Observation, Verdict
from billing.domain.money import Money
from tests.fakes.more_objects import COUPON, DISCOUNT
from tests.fakes.objects import SECOND, T0, a_credit_note, an_event, an_invoice

if TYPE_CHECKING:
    from billing.domain.catalogue import Coupon, Discount
    from billing.domain.credit_notes import CreditNote
    from billing.domain.invoices import DiscountAmount, Invoice
    from tests.support.mirror_world import World

_PERCENT = replace(COUPON, currency=None, amount_off=None, percent_off=Decimal("12.5"))
_GONE = Deletion(ObjectKind.DISCOUNT, DISCOUNT.id, last=DISCOUNT)


def learn(world: World, *states: Discount | Coupon | Deletion, after: int = 0) -> None:
    """Mirror what no event told."""
    world.mirror.apply_all([(None, Observation(state, T0 + after * SECOND)) for state in states])


def discounts(document: Invoice | CreditNote | None) -> set[DiscountAmount]:
    """Return every discount of the document and its lines, the amounts set aside."""
    assert document is not None
    found = [*document.discounts, *(each for line in document.lines for each in line.discounts)]
    return {replace(each, amount=Money(0, "eur")) for each in found}


def shown(world: World) -> DiscountAmount:
    """Return the one discount that the invoice and the credit note name."""
    (one,) = discounts(world.invoice()) | discounts(world.credit_note())
    return one


@pytest.fixture
def world(world: World) -> World:
    world.apply(an_event("evt_invoice", an_invoice()))
    world.apply(an_event("evt_note", a_credit_note()))
    return world


def test_documents_tell_what_their_coupons_say(world: World) -> None:
    """Given documents mirrored before their discount, when read, then it says what its coupon says since."""
    assert (shown(world).coupon, shown(world).name) == (None, None)
    learn(world, DISCOUNT, COUPON)
    found = shown(world)
    assert (found.discount, found.coupon, found.name) == ("di_1", "LAUNCH", "Launch")
    assert (found.percent_off, found.amount_off) == (None, Money(500, "usd"))


def test_a_coupon_in_per_cent_says_so(world: World) -> None:
    """Given a coupon of 12.5 %, when a document is read, then its discount says 12.5 and no amount."""
    learn(world, DISCOUNT, _PERCENT)
    assert (shown(world).percent_off, shown(world).amount_off) == (Decimal("12.5"), None)


@pytest.mark.parametrize("name", [None, ""])
def test_a_coupon_without_a_name_is_called_by_its_id(world: World, name: str | None) -> None:
    """Given a coupon without a name, when a document is read, then its id is shown, as Stripe does."""
    learn(world, DISCOUNT, replace(COUPON, name=name))
    assert shown(world).name == "LAUNCH"


def test_a_discount_whose_coupon_is_unknown_has_no_name(world: World) -> None:
    """Given a discount alone, when a document is read, then its coupon is told and nothing made up."""
    learn(world, DISCOUNT)
    found = shown(world)
    assert (found.coupon, found.name, found.percent_off, found.amount_off) == ("LAUNCH", None, None, None)


def test_what_was_taken_off_keeps_its_name_after_the_discount_is_gone(world: World) -> None:
    """Given a discount and a coupon that are deleted, when a document is read, then it names them still."""
    learn(world, DISCOUNT, COUPON)
    learn(world, _GONE, Deletion(ObjectKind.COUPON, COUPON.id, last=COUPON), after=1)
    assert shown(world).name == "Launch"


def test_a_discount_learned_as_gone_names_its_coupon(world: World) -> None:
    """Given a discount of which only the deletion is known, when a document is read, then it has its name."""
    learn(world, _GONE, COUPON)
    assert shown(world).name == "Launch"
    assert world.apply(an_event("evt_1", DISCOUNT, after=9)) is Verdict.STALE


def test_another_coupon_of_the_same_id_gives_no_name(world: World) -> None:
    """Given a coupon made after the discount began, when a document is read, then it is not its coupon."""
    learn(world, DISCOUNT, replace(COUPON, created=DISCOUNT.start + SECOND, name="Another"))
    assert (shown(world).coupon, shown(world).name) == ("LAUNCH", None)


def test_a_discount_is_known_with_its_coupon(world: World) -> None:
    """Given a discount, when it is asked about, then it is known once its coupon is, and even when gone."""
    assert world.mirror.unknown_discounts({"di_1"}) == {"di_1"}
    learn(world, DISCOUNT)
    assert world.mirror.unknown_discounts({"di_1", "di_2"}) == {"di_1", "di_2"}
    learn(world, COUPON)
    assert world.mirror.unknown_discounts({"di_1", "di_2"}) == {"di_2"}
    learn(world, _GONE, after=1)
    assert world.mirror.unknown_discounts({"di_1"}) == frozenset()
