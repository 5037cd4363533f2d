"""Credit notes of the API versions from 2025-03-31.basil on: total_taxes, taxes of lines, refunds."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from billing.adapters.stripe.invoices import read_discounts, read_taxes
from billing.adapters.stripe.reading import UnreadableError
from billing.domain.credit_notes import CreditNote, CreditNoteLine, CreditNoteStatus, RefundAmount

if TYPE_CHECKING:
    from billing.adapters.stripe.reading import Node

_INVOICE_LINE = "invoice_line_item"


def read_credit_note(note: Node) -> CreditNote:
    """Return the snapshot with the lines that the payload embeds.

    Raises
    ------
    UnreadableError
        A member is missing or not what it should be.
    """
    note.expect("object", "credit_note")
    currency = note.currency("currency")
    lines = note.node("lines")
    return CreditNote(
        id=note.text("id"),
        livemode=note.flag("livemode"),
        created=note.instant("created"),
        customer=note.reference("customer"),
        invoice=note.reference("invoice"),
        number=note.text("number"),
        status=note.choice("status", CreditNoteStatus),
        type=note.text("type"),
        currency=currency,
        reason=note.optional_text("reason"),
        memo=note.optional_text("memo"),
        amount=note.money("amount", currency),
        subtotal=note.money("subtotal", currency),
        total=note.money("total", currency),
        total_excluding_tax=note.optional_money("total_excluding_tax", currency),
        pre_payment_amount=note.money("pre_payment_amount", currency),
        post_payment_amount=note.money("post_payment_amount", currency),
        out_of_band_amount=note.optional_money("out_of_band_amount", currency),
        refunds=tuple(_refund(refund, currency) for refund in note.nodes("refunds")),
        customer_balance_transaction=note.optional_reference("customer_balance_transaction"),
        effective_at=note.optional_instant("effective_at"),
        voided_at=note.optional_instant("voided_at"),
        discounts=read_discounts(note, "discount_amounts", currency),
        taxes=read_taxes(note, "total_taxes", currency),
        lines=tuple(read_credit_note_line(line, currency) for line in lines.nodes("data")),
        lines_complete=not lines.flag("has_more"),
    )


def read_credit_note_line(line: Node, currency: str) -> CreditNoteLine:
    """Return one line of a credit note in this currency, which the line itself does not tell.

    Raises
    ------
    UnreadableError
        A member is missing or not what it should be.
    """
    line.expect("object", "credit_note_line_item")
    kind = line.text("type")
    quantity = line.optional_integer("quantity")
    return CreditNoteLine(
        id=line.text("id"),
        type=kind,
        description=line.optional_text("description"),
        amount=line.money("amount", currency),
        quantity=None if quantity is None else Decimal(quantity),
        unit_amount=line.optional_decimal("unit_amount_decimal"),
        # A custom line credits no line of the invoice, and Stripe leaves the member out.
        invoice_line=line.text("invoice_line_item") if kind == _INVOICE_LINE else None,
        discounts=read_discounts(line, "discount_amounts", currency),
        taxes=read_taxes(line, "taxes", currency),
    )


def _refund(refund: Node, currency: str) -> RefundAmount:
    amount = refund.money("amount_refunded", currency)
    # A refund of a payment that was made outside of Stripe is a record of its own kind.
    if refund.has("refund"):
        return RefundAmount(amount, refund.reference("refund"))
    if refund.has("payment_record_refund"):
        record = refund.node("payment_record_refund")
        return RefundAmount(amount, record.text("refund_group"))
    raise UnreadableError(f"{refund.path}.refund", "missing")
