"""Payments of invoices in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from billing.adapters.postgres.codec import money_or_none
from billing.adapters.postgres.instants import utc, utc_or_none
from billing.domain.money import Money
from billing.domain.payments import InvoicePayment, InvoicePaymentStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

SELECT_OF_INVOICE = """
SELECT id, livemode, created, invoice, status, currency, amount_requested, amount_paid, is_default,
    payment_type, payment, paid_at, canceled_at
FROM invoice_payments
WHERE invoice = %(id)s AND deleted_at IS NULL
ORDER BY coalesce(paid_at, created), id"""


def read_invoice_payment(row: Mapping[str, Any]) -> InvoicePayment:
    """Return the payment of a row of SELECT_OF_INVOICE."""
    currency = row["currency"]
    return InvoicePayment(
        id=row["id"],
        livemode=row["livemode"],
        created=utc(row["created"]),
        invoice=row["invoice"],
        status=InvoicePaymentStatus(row["status"]),
        currency=currency,
        amount_requested=Money(row["amount_requested"], currency),
        amount_paid=money_or_none(row["amount_paid"], currency),
        is_default=row["is_default"],
        payment_type=row["payment_type"],
        payment=row["payment"],
        paid_at=utc_or_none(row["paid_at"]),
        canceled_at=utc_or_none(row["canceled_at"]),
    )
