"""Customers' reads of credit notes: one round trip, on one snapshot, under row security."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from billing.adapters.postgres.codec import discounts_from_json, money_or_none, taxes_from_json
from billing.adapters.postgres.connection import Statement
from billing.adapters.postgres.discount_table import SELECT_OF_CREDIT_NOTE as SELECT_COUPONS
from billing.adapters.postgres.discount_table import read_coupons
from billing.adapters.postgres.instants import utc, utc_or_none
from billing.adapters.postgres.tax_rate_table import SELECT_OF_CREDIT_NOTE as SELECT_RATES
from billing.adapters.postgres.tax_rate_table import read_rates
from billing.domain.credit_notes import CreditNote, CreditNoteLine, CreditNoteStatus, RefundAmount
from billing.domain.money import Money

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from billing.adapters.postgres.connection import Database
    from billing.adapters.postgres.discount_table import Coupons
    from billing.adapters.postgres.tax_rate_table import Rates

_SELECT_CREDIT_NOTE = """
SELECT id, livemode, created, customer, invoice, number, status, type, currency, reason, memo, amount,
    subtotal, total, total_excluding_tax, pre_payment_amount, post_payment_amount, out_of_band_amount,
    refunds, customer_balance_transaction, effective_at, voided_at, discounts, taxes
FROM credit_notes
WHERE id = %(id)s AND customer = %(customer)s AND deleted_at IS NULL"""

_SELECT_LINES = """
SELECT id, type, description, amount, currency, quantity, unit_amount, invoice_line_item, discounts, taxes
FROM credit_note_line_items
WHERE credit_note = %(id)s AND customer = %(customer)s
ORDER BY position"""


class PostgresCreditNoteReader:
    """The port `CreditNoteReader`, for the role billing_api."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, customer: str, credit_note_id: str) -> CreditNote | None:
        """Return the credit note with every line in Stripe's order, None if this customer has none such.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        parameters = {"id": credit_note_id, "customer": customer}
        heads, lines, rates, coupons = self._database.read_as(
            customer,
            Statement(_SELECT_CREDIT_NOTE, parameters),
            Statement(_SELECT_LINES, parameters),
            Statement(SELECT_RATES, parameters),
            Statement(SELECT_COUPONS, parameters),
        )
        return _credit_note(heads[0], lines, read_rates(rates), read_coupons(coupons)) if heads else None


def _credit_note(
    row: Mapping[str, Any], lines: Sequence[Mapping[str, Any]], rates: Rates, coupons: Coupons
) -> CreditNote:
    currency = row["currency"]
    return CreditNote(
        id=row["id"],
        livemode=row["livemode"],
        created=utc(row["created"]),
        customer=row["customer"],
        invoice=row["invoice"],
        number=row["number"],
        status=CreditNoteStatus(row["status"]),
        type=row["type"],
        currency=currency,
        reason=row["reason"],
        memo=row["memo"],
        amount=Money(row["amount"], currency),
        subtotal=Money(row["subtotal"], currency),
        total=Money(row["total"], currency),
        total_excluding_tax=money_or_none(row["total_excluding_tax"], currency),
        pre_payment_amount=Money(row["pre_payment_amount"], currency),
        post_payment_amount=Money(row["post_payment_amount"], currency),
        out_of_band_amount=money_or_none(row["out_of_band_amount"], currency),
        refunds=tuple(
            RefundAmount(Money(refund["amount"], currency), refund["refund"]) for refund in row["refunds"]
        ),
        customer_balance_transaction=row["customer_balance_transaction"],
        effective_at=utc_or_none(row["effective_at"]),
        voided_at=utc_or_none(row["voided_at"]),
        discounts=discounts_from_json(row["discounts"], currency, coupons),
        taxes=taxes_from_json(row["taxes"], currency, rates),
        lines=tuple(_line(line, rates, coupons) for line in lines),
    )


def _line(row: Mapping[str, Any], rates: Rates, coupons: Coupons) -> CreditNoteLine:
    currency = row["currency"]
    return CreditNoteLine(
        id=row["id"],
        type=row["type"],
        description=row["description"],
        amount=Money(row["amount"], currency),
        quantity=row["quantity"],
        unit_amount=row["unit_amount"],
        invoice_line=row["invoice_line_item"],
        discounts=discounts_from_json(row["discounts"], currency, coupons),
        taxes=taxes_from_json(row["taxes"], currency, rates),
    )
