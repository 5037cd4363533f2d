"""A picture of a credit note beside the invoice that it corrects."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from billing.domain.credit_note_documents import credit_note_document
from billing.domain.credit_note_summaries import CreditNoteSummary
from billing.domain.credit_notes import CreditNote, CreditNoteLine, CreditNoteStatus, RefundAmount
from billing.domain.documents import invoice_document
from billing.domain.invoices import DiscountAmount, InvoiceStatus
from billing.domain.money import Money
from billing.domain.parties import Address, TaxId
from billing.domain.payments import InvoicePayment, InvoicePaymentStatus
from local.pictures.samples import SELLER, Sample, a_line, a_tax, an_invoice

_PAID = datetime(2026, 11, 6, 8, 0, tzinfo=UTC)
_LOYALTY = DiscountAmount(Money(1200, "eur"), "di_1", "TREUE", "Treuerabatt", Decimal(10))
_CREDITED = datetime(2026, 11, 16, 14, 0, tzinfo=UTC)


def eur(amount: int) -> Money:
    """Return cents."""
    return Money(amount, "eur")


def credit_note_sample() -> Sample:
    """Return an invoice, paid in part and credited since, and its credit note in German."""
    lines = (
        replace(
            a_line(90000, "eur", "Team-Plätze", quantity=Decimal(20), unit_amount=Decimal(4500)), id="il_1"
        ),
        replace(
            a_line(12000, "eur", "Rufbereitschaft", discounts=(_LOYALTY,)),
            id="il_2",
        ),
    )
    invoice = replace(
        an_invoice(
            "eur",
            *lines,
            taxes=(a_tax(19152, 100800, "eur", "19", "MwSt."),),
            customer_name="Ostsee Reederei GmbH & Co. KG",
            customer_address=Address("Am Strande 3", None, "Rostock", None, "18055", "DE"),
            customer_tax_ids=(TaxId("eu_vat", "DE123456789"),),
            paid=eur(100000),
            status=InvoiceStatus.PAID,
            paid_at=_CREDITED,
        ),
        amount_remaining=eur(0),
        payments=(_payment(),),
    )
    note = _note()
    summary = CreditNoteSummary(
        note.id,
        note.number,
        note.status,
        note.total,
        note.pre_payment_amount,
        note.post_payment_amount,
        note.created,
        note.effective_at,
    )
    return Sample(
        "credit-note",
        (
            invoice_document(replace(invoice, credit_notes=(summary,)), None, SELLER, "de"),
            credit_note_document(note, invoice, None, SELLER, "de"),
        ),
    )


def _payment() -> InvoicePayment:
    return InvoicePayment(
        id="inpay_1",
        livemode=True,
        created=_PAID,
        invoice="in_picture",
        status=InvoicePaymentStatus.PAID,
        currency="eur",
        amount_requested=eur(119952),
        amount_paid=eur(100000),
        is_default=True,
        payment_type="payment_intent",
        payment="pi_1",
        paid_at=_PAID,
        canceled_at=None,
    )


def _note() -> CreditNote:
    seats, service = a_tax(4275, 22500, "eur", "19", "MwSt."), a_tax(2052, 10800, "eur", "19", "MwSt.")
    return CreditNote(
        id="cn_picture",
        livemode=True,
        created=_CREDITED,
        customer="cus_1",
        invoice="in_picture",
        number="NL-2026-00417-CN-01",
        status=CreditNoteStatus.ISSUED,
        type="mixed",
        currency="eur",
        reason="order_change",
        memo="Fünf Plätze und die Rufbereitschaft wurden zum 1. November gekündigt.",
        amount=eur(39627),
        subtotal=eur(34500 - 1200),
        total=eur(39627),
        total_excluding_tax=eur(33300),
        pre_payment_amount=eur(19952),
        post_payment_amount=eur(19675),
        out_of_band_amount=None,
        refunds=(RefundAmount(eur(15000), "re_1"),),
        customer_balance_transaction="cbtxn_1",
        effective_at=_CREDITED,
        voided_at=None,
        discounts=(_LOYALTY,),
        taxes=(seats, service),
        lines=(
            CreditNoteLine(
                id="cnli_1",
                type="invoice_line_item",
                description="Team-Plätze",
                amount=eur(22500),
                quantity=Decimal(5),
                unit_amount=Decimal(4500),
                invoice_line="il_1",
                taxes=(seats,),
            ),
            CreditNoteLine(
                id="cnli_2",
                type="invoice_line_item",
                description="Rufbereitschaft",
                amount=eur(12000),
                quantity=None,
                unit_amount=None,
                invoice_line="il_2",
                discounts=(_LOYALTY,),
                taxes=(service,),
            ),
        ),
    )
