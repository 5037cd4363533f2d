"""Customers' reads of the mirror: each one round trip, on one snapshot, under row security."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from billing.adapters.postgres.codec import (
    address_from_json,
    discounts_from_json,
    money_or_none,
    tax_ids_from_json,
    taxes_from_json,
)
from billing.adapters.postgres.connection import Statement
from billing.adapters.postgres.credit_note_summaries import SELECT_OF_INVOICE as SELECT_CREDIT_NOTES
from billing.adapters.postgres.credit_note_summaries import read_summary as read_credit_note
from billing.adapters.postgres.customer_table import SELECT_ONE as SELECT_CUSTOMER
from billing.adapters.postgres.customer_table import read_customer
from billing.adapters.postgres.instants import period, utc, utc_or_none
from billing.adapters.postgres.invoice_payment_table import SELECT_OF_INVOICE as SELECT_PAYMENTS
from billing.adapters.postgres.invoice_payment_table import read_invoice_payment
from billing.adapters.postgres.tax_rate_table import SELECT_OF_INVOICE as SELECT_RATES
from billing.adapters.postgres.tax_rate_table import read_rates
from billing.domain.invoices import Invoice, InvoiceLine
from billing.domain.money import Money
from billing.domain.statuses import InvoiceStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from billing.adapters.postgres.connection import Database
    from billing.adapters.postgres.discount_table import Coupons
    from billing.adapters.postgres.tax_rate_table import Rates
    from billing.domain.customers import Customer

_SELECT_INVOICE = """
SELECT id, livemode, created, customer, subscription, number, status, currency, collection_method,
    billing_reason, description, footer, customer_name, customer_email, customer_address, customer_tax_ids,
    customer_tax_exempt, subtotal, total, total_excluding_tax, amount_due, amount_paid, amount_remaining,
    starting_balance, period_start, period_end, due_date, finalized_at, paid_at, voided_at,
    marked_uncollectible_at, discounts, taxes
FROM invoices
WHERE id = %(id)s AND customer = %(customer)s AND deleted_at IS NULL"""

_SELECT_LINES = """
SELECT id, description, amount, currency, quantity, unit_amount, period_start, period_end, proration, price,
    product, subscription, discounts, taxes
FROM invoice_line_items
WHERE invoice = %(id)s AND customer = %(customer)s
ORDER BY position"""


class PostgresInvoiceReader:
    """The port `InvoiceReader`, for the role billing_api."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, customer: str, invoice_id: str) -> Invoice | None:
        """Return the invoice with every line in Stripe's order, None if this customer has none such.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        # Not on the path of the list, which starts the sooner for it.
        from billing.adapters.postgres.discount_table import SELECT_OF_INVOICE as SELECT_COUPONS
        from billing.adapters.postgres.discount_table import read_coupons

        parameters = {"id": invoice_id, "customer": customer}
        heads, lines, rates, coupons, credit_notes, payments = self._database.read_as(
            customer,
            Statement(_SELECT_INVOICE, parameters),
            Statement(_SELECT_LINES, parameters),
            Statement(SELECT_RATES, parameters),
            Statement(SELECT_COUPONS, parameters),
            Statement(SELECT_CREDIT_NOTES, parameters),
            Statement(SELECT_PAYMENTS, parameters),
        )
        if not heads:
            return None
        return replace(
            _invoice(heads[0], lines, read_rates(rates), read_coupons(coupons)),
            credit_notes=tuple(read_credit_note(row) for row in credit_notes),
            payments=tuple(read_invoice_payment(row) for row in payments),
        )

    def customer(self, customer: str) -> Customer | None:
        """Return the mirrored customer, None if not mirrored (yet) or deleted.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        (rows,) = self._database.read_as(customer, Statement(SELECT_CUSTOMER, {"id": customer}))
        return read_customer(rows[0]) if rows else None


def _invoice(
    row: Mapping[str, Any], lines: Sequence[Mapping[str, Any]], rates: Rates, coupons: Coupons
) -> Invoice:
    currency = row["currency"]
    return Invoice(
        id=row["id"],
        livemode=row["livemode"],
        created=utc(row["created"]),
        customer=row["customer"],
        subscription=row["subscription"],
        number=row["number"],
        status=InvoiceStatus(row["status"]),
        currency=currency,
        collection_method=row["collection_method"],
        billing_reason=row["billing_reason"],
        description=row["description"],
        footer=row["footer"],
        customer_name=row["customer_name"],
        customer_email=row["customer_email"],
        customer_address=address_from_json(row["customer_address"]),
        customer_tax_ids=tax_ids_from_json(row["customer_tax_ids"]),
        customer_tax_exempt=row["customer_tax_exempt"],
        subtotal=Money(row["subtotal"], currency),
        total=Money(row["total"], currency),
        total_excluding_tax=money_or_none(row["total_excluding_tax"], currency),
        amount_due=Money(row["amount_due"], currency),
        amount_paid=Money(row["amount_paid"], currency),
        amount_remaining=Money(row["amount_remaining"], currency),
        starting_balance=Money(row["starting_balance"], currency),
        period=period(row["period_start"], row["period_end"]),
        due_date=utc_or_none(row["due_date"]),
        finalized_at=utc_or_none(row["finalized_at"]),
        paid_at=utc_or_none(row["paid_at"]),
        voided_at=utc_or_none(row["voided_at"]),
        marked_uncollectible_at=utc_or_none(row["marked_uncollectible_at"]),
        discounts=discounts_from_json(row["discounts"], currency, coupons),
        taxes=taxes_from_json(row["taxes"], currency, rates),
        lines=tuple(_line(line, rates, coupons) for line in lines),
    )


def _line(row: Mapping[str, Any], rates: Rates, coupons: Coupons) -> InvoiceLine:
    currency = row["currency"]
    return InvoiceLine(
        id=row["id"],
        description=row["description"],
        amount=Money(row["amount"], currency),
        quantity=row["quantity"],
        unit_amount=row["unit_amount"],
        period=period(row["period_start"], row["period_end"]),
        proration=row["proration"],
        price=row["price"],
        product=row["product"],
        subscription=row["subscription"],
        discounts=discounts_from_json(row["discounts"], currency, coupons),
        taxes=taxes_from_json(row["taxes"], currency, rates),
    )
