"""What the API answers, as JSON-ready dicts: the shapes of openapi.yaml.

Times are RFC 3339 in UTC, money is integer minor units with its currency, quantities and unit
amounts are decimal strings because both may be fractions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.entrypoints.routes import GET_CREDIT_NOTE_PDF, GET_INVOICE_PDF
from billing.entrypoints.shapes import money, optional_decimal, optional_money, optional_time, period, time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from billing.domain.credit_note_summaries import CreditNoteSummary
    from billing.domain.invoice_pages import InvoicePage, InvoiceSummary
    from billing.domain.invoices import DiscountAmount, Invoice, InvoiceLine, Tax
    from billing.domain.parties import Address
    from billing.domain.payments import InvoicePayment

    type Json = dict[str, object]

_EINVOICE_PROFILE = "en16931"


def invoice_page(page: InvoicePage) -> Json:
    """Return the body of GET invoices."""
    return {
        "data": [_summary(invoice) for invoice in page.data],
        "has_more": page.has_more,
        "next_cursor": page.next_cursor,
    }


def invoice(found: Invoice, missing: Sequence[str]) -> Json:
    """Return the body of GET invoices/{id}: the summary's fields, and everything the mirror holds besides.

    `missing` is what lacks for an e-invoice, empty where there is one.
    """
    return {
        **_summary(found),
        "subtotal": money(found.subtotal),
        "total_excluding_tax": optional_money(found.total_excluding_tax),
        "amount_remaining": money(found.amount_remaining),
        "starting_balance": money(found.starting_balance),
        "discounts": [_discount(discount) for discount in found.discounts],
        "taxes": [_tax(tax) for tax in found.taxes],
        "collection_method": found.collection_method,
        "billing_reason": found.billing_reason,
        "subscription": found.subscription,
        "description": found.description,
        "footer": found.footer,
        "status_transitions": {
            "finalized_at": optional_time(found.finalized_at),
            "paid_at": optional_time(found.paid_at),
            "voided_at": optional_time(found.voided_at),
            "marked_uncollectible_at": optional_time(found.marked_uncollectible_at),
        },
        "customer": {
            "id": found.customer,
            "name": found.customer_name,
            "email": found.customer_email,
            "address": _address(found.customer_address),
            "tax_ids": [{"type": tax_id.type, "value": tax_id.value} for tax_id in found.customer_tax_ids],
            "tax_exempt": found.customer_tax_exempt,
        },
        "lines": [_line(line) for line in found.lines],
        "payments": [_payment(payment) for payment in found.payments],
        "credit_notes": [_credit_note(note) for note in found.credit_notes],
        "pdf_url": GET_INVOICE_PDF.path.replace("{id}", found.id),
        "einvoice": {"profile": None if missing else _EINVOICE_PROFILE, "missing": list(missing)},
    }


def _summary(found: InvoiceSummary | Invoice) -> Json:
    return {
        "id": found.id,
        "number": found.number,
        "status": found.status.value,
        "currency": found.currency,
        "total": money(found.total),
        "amount_due": money(found.amount_due),
        "amount_paid": money(found.amount_paid),
        "period": period(found.period),
        "created": time(found.created),
        "due_date": optional_time(found.due_date),
    }


def _line(line: InvoiceLine) -> Json:
    return {
        "id": line.id,
        "description": line.description,
        "amount": money(line.amount),
        "quantity": optional_decimal(line.quantity),
        "unit_amount": optional_decimal(line.unit_amount),
        "period": period(line.period),
        "proration": line.proration,
        "price": line.price,
        "product": line.product,
        "subscription": line.subscription,
        "discounts": [_discount(discount) for discount in line.discounts],
        "taxes": [_tax(tax) for tax in line.taxes],
    }


def _payment(payment: InvoicePayment) -> Json:
    return {
        "id": payment.id,
        "status": payment.status.value,
        "amount_requested": money(payment.amount_requested),
        "amount_paid": optional_money(payment.amount_paid),
        "created": time(payment.created),
        "paid_at": optional_time(payment.paid_at),
        "payment": {"type": payment.payment_type, "id": payment.payment},
    }


def _credit_note(note: CreditNoteSummary) -> Json:
    return {
        "id": note.id,
        "number": note.number,
        "status": note.status.value,
        "total": money(note.total),
        "pre_payment_amount": money(note.pre_payment_amount),
        "post_payment_amount": money(note.post_payment_amount),
        "created": time(note.created),
        "pdf_url": GET_CREDIT_NOTE_PDF.path.replace("{id}", note.id),
    }


def _tax(tax: Tax) -> Json:
    return {
        "amount": money(tax.amount),
        "behavior": tax.behavior,
        "reason": tax.reason,
        "rate": tax.rate,
        "percentage": optional_decimal(tax.percentage),
        "name": tax.name,
        "country": tax.country,
        "jurisdiction": tax.jurisdiction,
        "tax_type": tax.tax_type,
        "taxable_amount": optional_money(tax.taxable_amount),
    }


def _discount(discount: DiscountAmount) -> Json:
    return {
        "id": discount.discount,
        "coupon": discount.coupon,
        "name": discount.name,
        "amount": money(discount.amount),
    }


def _address(address: Address | None) -> Json | None:
    if address is None:
        return None
    return {
        "line1": address.line1,
        "line2": address.line2,
        "city": address.city,
        "state": address.state,
        "postal_code": address.postal_code,
        "country": address.country,
    }
