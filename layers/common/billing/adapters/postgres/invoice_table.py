"""How invoices and their lines are written to PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from billing.adapters.postgres.codec import (
    address_to_json,
    discounts_to_json,
    minor,
    minor_or_none,
    tax_ids_to_json,
    taxes_to_json,
)
from billing.adapters.postgres.mirror_sql import Write

if TYPE_CHECKING:
    from billing.domain.invoices import Invoice, InvoiceLine

_COLUMNS = (
    "created",
    "customer",
    "subscription",
    "number",
    "status",
    "currency",
    "collection_method",
    "billing_reason",
    "description",
    "footer",
    "customer_name",
    "customer_email",
    "customer_address",
    "customer_tax_ids",
    "customer_tax_exempt",
    "subtotal",
    "total",
    "total_excluding_tax",
    "amount_due",
    "amount_paid",
    "amount_remaining",
    "starting_balance",
    "period_start",
    "period_end",
    "due_date",
    "finalized_at",
    "paid_at",
    "voided_at",
    "marked_uncollectible_at",
    "discounts",
    "taxes",
)

# Positions that exist twice are updated, and only where something differs (the payment of an invoice of 300
# lines then rewrites none of them); the rest goes.
_REPLACE_LINES = (
    """
surplus AS (
    DELETE FROM invoice_line_items AS line USING head
    WHERE line.invoice = head.id AND line.position >= jsonb_array_length(%(lines)s)
)""",
    """
lines AS (
    INSERT INTO invoice_line_items AS held (
        invoice, position, customer, id, description, amount, currency, quantity, unit_amount, period_start,
        period_end, proration, price, product, subscription, discounts, taxes
    )
    SELECT head.id, line.position, head.customer, line.id, line.description, line.amount, line.currency,
        line.quantity, line.unit_amount, line.period_start, line.period_end, line.proration, line.price,
        line.product, line.subscription, line.discounts, line.taxes
    FROM head, jsonb_to_recordset(%(lines)s) AS line(
        position integer, id text, description text, amount bigint, currency text, quantity numeric,
        unit_amount numeric, period_start timestamptz, period_end timestamptz, proration boolean, price text,
        product text, subscription text, discounts jsonb, taxes jsonb
    )
    ON CONFLICT (invoice, position) DO UPDATE SET
        customer = excluded.customer, id = excluded.id, description = excluded.description,
        amount = excluded.amount, currency = excluded.currency, quantity = excluded.quantity,
        unit_amount = excluded.unit_amount, period_start = excluded.period_start,
        period_end = excluded.period_end, proration = excluded.proration, price = excluded.price,
        product = excluded.product, subscription = excluded.subscription, discounts = excluded.discounts,
        taxes = excluded.taxes
    WHERE (held.*) IS DISTINCT FROM (excluded.*)
)""",
)


def write_invoice(invoice: Invoice) -> Write:
    """Return how an invoice's state is written, with every line.

    Raises
    ------
    ValueError
        An amount is not of the invoice's currency.
    """
    currency = invoice.currency
    address = address_to_json(invoice.customer_address)
    lines = [_line(position, line, currency) for position, line in enumerate(invoice.lines)]
    return Write(
        table="invoices",
        columns=_COLUMNS,
        parameters={
            "id": invoice.id,
            "livemode": invoice.livemode,
            "created": invoice.created,
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
            "customer_address": None if address is None else Jsonb(address),
            "customer_tax_ids": Jsonb(tax_ids_to_json(invoice.customer_tax_ids)),
            "customer_tax_exempt": invoice.customer_tax_exempt,
            "subtotal": minor(invoice.subtotal, currency),
            "total": minor(invoice.total, currency),
            "total_excluding_tax": minor_or_none(invoice.total_excluding_tax, currency),
            "amount_due": minor(invoice.amount_due, currency),
            "amount_paid": minor(invoice.amount_paid, currency),
            "amount_remaining": minor(invoice.amount_remaining, currency),
            "starting_balance": minor(invoice.starting_balance, currency),
            "period_start": invoice.period.start,
            "period_end": invoice.period.end,
            "due_date": invoice.due_date,
            "finalized_at": invoice.finalized_at,
            "paid_at": invoice.paid_at,
            "voided_at": invoice.voided_at,
            "marked_uncollectible_at": invoice.marked_uncollectible_at,
            "discounts": Jsonb(discounts_to_json(invoice.discounts, currency)),
            "taxes": Jsonb(taxes_to_json(invoice.taxes, currency)),
            "lines": Jsonb(lines),
        },
        parts=_REPLACE_LINES,
    )


def delete_invoice() -> Write:
    """Return how an invoice's deletion is written: its lines go."""
    return Write(
        table="invoices",
        columns=("deleted_at",),
        parameters={"lines": Jsonb([])},
        parts=_REPLACE_LINES[:1],
    )


def _line(position: int, line: InvoiceLine, currency: str) -> dict[str, Any]:
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
