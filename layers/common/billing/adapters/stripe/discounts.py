"""Discounts where Stripe shows them: expanded in a document that names them, or in what they are put on."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from billing.adapters.stripe.catalogue import read_coupon, read_discount
from billing.adapters.stripe.reading import UnreadableError
from billing.domain.mirror import Deletion, ObjectKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from billing.adapters.stripe.reading import Node
    from billing.domain.catalogue import Coupon, Discount

AMOUNTS: Mapping[ObjectKind, str] = {
    ObjectKind.INVOICE: "total_discount_amounts",
    ObjectKind.CREDIT_NOTE: "discount_amounts",
}
"""The member that names every discount of a document, those of its lines and those that are gone too."""

OWNERS: Mapping[ObjectKind, tuple[str, ...]] = {
    ObjectKind.CUSTOMER: ("discount.source.coupon",),
    # The list counts as one of the four levels of an expansion: the coupon of an item's discount is too deep.
    ObjectKind.SUBSCRIPTION: ("discounts.source.coupon", "items.data.discounts"),
}
"""What discounts stand on, and the paths that have its list show them, with coupons as deep as it goes."""

OF_ITEM = "discounts.source.coupon"
"""The path that has a list of subscription items show their discounts with their coupons."""

type Shown = Discount | Coupon | Deletion


def expansion(kind: ObjectKind) -> str:
    """Return the path that has Stripe show the discounts with their coupons, as deep as it goes."""
    return f"{AMOUNTS[kind]}.discount.source.coupon"


def read_applied(kind: ObjectKind, document: Node) -> Iterator[Shown]:
    """Yield the discounts of an expanded document, and each coupon once.

    What cannot be read is left out: it costs a name, which is no reason to be without the others.

    Raises
    ------
    UnreadableError
        The document has no list of discounts.
    """
    coupons: set[str] = set()
    for amount in document.nodes(AMOUNTS[kind]):
        try:
            discount = amount.node("discount")
            applied = _state(discount)
            coupon = read_coupon(discount.node("source").node("coupon"))
        except UnreadableError:
            continue
        yield applied
        if coupon.id not in coupons:
            coupons.add(coupon.id)
            yield coupon


def read_owned(kind: ObjectKind, owner: Node) -> Iterator[Shown]:
    """Yield the discounts that a customer or a subscription shows, each with its coupon where that is told.

    Of a subscription that embeds only a part of its items, those of the others are not among them. It may
    show one of its customer's as its own.

    Raises
    ------
    UnreadableError
        A discount cannot be read, or is told by its id alone.
    """
    if kind is ObjectKind.CUSTOMER:
        discount = owner.optional_node("discount")
        if discount is not None:
            yield from _with_coupon(discount)
        return
    yield from read_listed(owner)
    for item in owner.node("items").nodes("data"):
        yield from read_listed(item)


def read_listed(owner: Node) -> Iterator[Shown]:
    """Yield the discounts of a subscription or an item without what hangs on it, as `read_owned` does."""
    for discount in owner.nodes("discounts"):
        yield from _with_coupon(discount)


def _with_coupon(discount: Node) -> Iterator[Shown]:
    yield _state(discount)
    # The coupon may be told by its id, or not be readable: that costs a name.
    with suppress(UnreadableError):
        yield read_coupon(discount.node("source").node("coupon"))


def _state(discount: Node) -> Discount | Deletion:
    applied = read_discount(discount)
    return Deletion(ObjectKind.DISCOUNT, applied.id, last=applied) if discount.has("deleted") else applied
