"""How invoices and their lines are written to PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.adapters.postgres.codec import (
    address_to_json,
    discounts_to_json,
    minor,
    minor_or_none,
    tax_ids_to_json,
    taxes_to_json,
)
from billing.adapters.postgres.instants import instant_or_none

if TYPE_CHECKING:
    from billing.adapters.postgres.codec import Json
    from billing.domain.invoices import Invoice, InvoiceLine


def invoice_state(invoice: Invoice) -> Json:
    """Return the state that apply_invoice writes, with every line.

    Raises
    ------
    ValueError
        An amount is not of the invoice's currency.
    """
    currency = invoice.currency
    return {
        "id": invoice.id,
        "livemode": invoice.livemode,
        "created": invoice.created.isoformat(),
        "customer": invoice.customer,
        "subscription": invoice.subscription,
        "number": invoice.number,
        "status": invoice.status.value,
        "currency": currency,
        "collection_method": invoice.collection_method,
        "billing_reason": invoice.billing_reason,
        "description": invoice.description,
        "footer": invoice.footer,
        "customer_name": invoice.customer_name,
        "customer_email": invoice.customer_email,
        "customer_address": address_to_json(invoice.customer_address),
        "customer_tax_ids": tax_ids_to_json(invoice.customer_tax_ids),
        "customer_tax_exempt": invoice.customer_tax_exempt,
        "subtotal": minor(invoice.subtotal, currency),
        "total": minor(invoice.total, currency),
        "total_excluding_tax": minor_or_none(invoice.total_excluding_tax, currency),
        "amount_due": minor(invoice.amount_due, currency),
        "amount_paid": minor(invoice.amount_paid, currency),
        "amount_remaining": minor(invoice.amount_remaining, currency),
        "starting_balance": minor(invoice.starting_balance, currency),
        "period_start": invoice.period.start.isoformat(),
        "period_end": invoice.period.end.isoformat(),
        "due_date": instant_or_none(invoice.due_date),
        "finalized_at": instant_or_none(invoice.finalized_at),
        "paid_at": instant_or_none(invoice.paid_at),
        "voided_at": instant_or_none(invoice.voided_at),
        "marked_uncollectible_at": instant_or_none(invoice.marked_uncollectible_at),
        "discounts": discounts_to_json(invoice.discounts, currency),
        "taxes": taxes_to_json(invoice.taxes, currency),
        "lines": [_line(position, line, currency) for position, line in enumerate(invoice.lines)],
    }


def invoice_deletion() -> Json:
    """Return what a deletion changes: the lines go."""
    return {"lines": []}


def _line(position: int, line: InvoiceLine, currency: str) -> Json:
    return {
        "position": position,
        "id": line.id,
        "description": line.description,
        "amount": minor(line.amount, currency),
        "currency": currency,
        "quantity": None if line.quantity is None else str(line.quantity),
        "unit_amount": None if line.unit_amount is None else str(line.unit_amount),
        "period_start": line.period.start.isoformat(),
        "period_end": line.period.end.isoformat(),
        "proration": line.proration,
        "price": line.price,
        "product": line.product,
        "subscription": line.subscription,
        "discounts": discounts_to_json(line.discounts, currency),
        "taxes": taxes_to_json(line.taxes, currency),
    }
