"""What stands below the lines: the sums of an invoice or a credit note, in words and figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from billing.adapters.pdf.credit_note_labels import CREDIT_NOTE_LABELS
from billing.adapters.pdf.discounts import discount_sums
from billing.adapters.pdf.labels import LABELS
from billing.domain.document_lines import summed
from billing.domain.invoices import InvoiceStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from billing.adapters.pdf.formats import Formats
    from billing.domain.document_lines import TaxTotal
    from billing.domain.documents import Correction, InvoiceDocument
    from billing.domain.money import Money


class Sum(NamedTuple):
    """One row; `strong` for what the reader looks for."""

    label: str
    amount: Money
    strong: bool = False


def sums(document: InvoiceDocument, formats: Formats) -> Iterator[Sum]:
    """Yield the rows from the first sum to what is due, or to how a credit note gives its amount back."""
    yield from _up_to_total(document, formats)
    if document.corrects is None:
        yield Sum(LABELS[document.locale].total, document.totals.total, strong=True)
        yield from _up_to_due(document, formats)
    else:
        yield Sum(CREDIT_NOTE_LABELS[document.locale].total, document.totals.total, strong=True)
        yield from _given_back(document, document.corrects)


def _up_to_total(document: InvoiceDocument, formats: Formats) -> Iterator[Sum]:
    totals, labels = document.totals, LABELS[document.locale]
    if totals.item_discount.amount:
        yield Sum(labels.items, totals.items)
        yield Sum(labels.item_discount, -totals.item_discount)
    yield Sum(labels.subtotal, totals.subtotal)
    if totals.discount.amount:
        yield from (Sum(*one) for one in discount_sums(totals, document.locale, formats))
    if totals.adjustment.amount:
        yield Sum(labels.adjustment, totals.adjustment)
    if totals.taxes and totals.excluding_tax not in (totals.subtotal, totals.total):
        yield Sum(labels.excluding_tax, totals.excluding_tax)
    for tax in totals.taxes:
        if tax.amount.amount or tax.reason == "zero_rated":
            yield Sum(_tax(tax, document.locale, formats), tax.amount)


def _up_to_due(document: InvoiceDocument, formats: Formats) -> Iterator[Sum]:
    totals, labels, words = document.totals, LABELS[document.locale], CREDIT_NOTE_LABELS[document.locale]
    for credit in document.credits:
        if credit.before.amount:
            label = words.note.format(number=credit.number, day=formats.day(credit.issued))
            yield Sum(label, -credit.before)
    if totals.balance.amount:
        yield Sum(labels.balance, totals.balance)
    for payment in document.payments:
        yield Sum(words.payment.format(day=formats.day(payment.paid_at)), -payment.amount)
    told = summed((payment.amount for payment in document.payments), document.currency)
    if totals.paid != told:
        yield Sum(labels.paid, told - totals.paid)
    if document.status is not InvoiceStatus.VOID:
        yield Sum(labels.due, totals.due, strong=True)


def _given_back(document: InvoiceDocument, correction: Correction) -> Iterator[Sum]:
    words, number = CREDIT_NOTE_LABELS[document.locale], correction.invoice_number
    off = words.off_any_invoice if number is None else words.off_invoice.format(number=number)
    ways = (
        Sum(words.refunded, correction.refunded),
        Sum(words.to_balance, correction.to_balance),
        Sum(words.out_of_band, correction.out_of_band),
        Sum(off, document.totals.due),
    )
    yield from (way for way in ways if way.amount.amount)


def _tax(tax: TaxTotal, locale: str, formats: Formats) -> str:
    labels = LABELS[locale]
    percent = "" if tax.percentage is None else f"{formats.percent(tax.percentage)} "
    name = f"{percent}{tax.name or labels.tax}"
    if tax.taxable is None:
        return labels.tax_included.format(tax=name) if tax.inclusive else name
    label = labels.tax_included_on if tax.inclusive else labels.tax_on
    return label.format(tax=name, amount=formats.money(tax.taxable))
