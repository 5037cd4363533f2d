"""Credit notes of older API versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.adapters.stripe.upgrades.members import mapped_list, taxes, with_absent

if TYPE_CHECKING:
    from billing.adapters.stripe.upgrades.members import Members

_SHARES = {"pre_payment": ("amount", None), "post_payment": (None, "amount")}


def credit_note_in_basil(note: Members) -> Members:
    """Make a list of the absent refund, and give taxes their new shape.

    A note was for before or for after the payment, never for both. How much a refund gave back was not
    told, so a note with one has no `refunds` here.
    """
    changed = taxes(note, "tax_amounts", "total_taxes")
    changed = mapped_list(changed, "lines", lambda line: taxes(line, "tax_amounts", "taxes"))
    if changed.get("refund", "absent") is None:
        changed = with_absent(changed, refunds=[])
    shares = _SHARES.get(str(changed.get("type")))
    if shares is not None:
        before, after = (0 if name is None else changed.get(name) for name in shares)
        changed = with_absent(changed, pre_payment_amount=before, post_payment_amount=after)
    # Since there is an effective_at, null means the day of issue.
    return with_absent(changed, effective_at=None)
