"""The discounts of an invoice or a credit note, expanded where the document names them."""

from __future__ import annotations

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


def expansion(kind: ObjectKind) -> str:
    """Return the path that has Stripe show the discounts with their coupons, as deep as it goes."""
    return f"{AMOUNTS[kind]}.discount.source.coupon"


def read_applied(kind: ObjectKind, document: Node) -> Iterator[Discount | Coupon | Deletion]:
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
            applied = read_discount(discount)
            coupon = read_coupon(discount.node("source").node("coupon"))
        except UnreadableError:
            continue
        is_gone = discount.has("deleted")
        yield Deletion(ObjectKind.DISCOUNT, applied.id, last=applied) if is_gone else applied
        if coupon.id not in coupons:
            coupons.add(coupon.id)
            yield coupon
