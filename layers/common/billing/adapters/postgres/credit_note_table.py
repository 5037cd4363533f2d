"""How credit notes and their lines are written to PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.adapters.postgres.codec import discounts_to_json, minor, minor_or_none, taxes_to_json
from billing.adapters.postgres.instants import instant_or_none

if TYPE_CHECKING:
    from billing.adapters.postgres.codec import Json
    from billing.domain.credit_notes import CreditNote, CreditNoteLine


def credit_note_state(note: CreditNote) -> Json:
    """Return the state that apply_credit_note writes, with every line.

    Raises
    ------
    ValueError
        An amount is not of the credit note's currency.
    """
    currency = note.currency
    return {
        "id": note.id,
        "livemode": note.livemode,
        "created": note.created.isoformat(),
        "customer": note.customer,
        "invoice": note.invoice,
        "number": note.number,
        "status": note.status.value,
        "type": note.type,
        "currency": currency,
        "reason": note.reason,
        "memo": note.memo,
        "amount": minor(note.amount, currency),
        "subtotal": minor(note.subtotal, currency),
        "total": minor(note.total, currency),
        "total_excluding_tax": minor_or_none(note.total_excluding_tax, currency),
        "pre_payment_amount": minor(note.pre_payment_amount, currency),
        "post_payment_amount": minor(note.post_payment_amount, currency),
        "out_of_band_amount": minor_or_none(note.out_of_band_amount, currency),
        "refunds": [
            {"amount": minor(refund.amount, currency), "refund": refund.refund} for refund in note.refunds
        ],
        "customer_balance_transaction": note.customer_balance_transaction,
        "effective_at": instant_or_none(note.effective_at),
        "voided_at": instant_or_none(note.voided_at),
        "discounts": discounts_to_json(note.discounts, currency),
        "taxes": taxes_to_json(note.taxes, currency),
        "lines": [_line(position, line, currency) for position, line in enumerate(note.lines)],
    }


def credit_note_deletion() -> Json:
    """Return what a deletion changes: the lines go. Stripe voids credit notes and deletes none."""
    return {"lines": []}


def _line(position: int, line: CreditNoteLine, currency: str) -> Json:
    return {
        "position": position,
        "id": line.id,
        "type": line.type,
        "description": line.description,
        "amount": minor(line.amount, currency),
        "currency": currency,
        "quantity": None if line.quantity is None else str(line.quantity),
        "unit_amount": None if line.unit_amount is None else str(line.unit_amount),
        "invoice_line_item": line.invoice_line,
        "discounts": discounts_to_json(line.discounts, currency),
        "taxes": taxes_to_json(line.taxes, currency),
    }
