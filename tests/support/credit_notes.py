"""Credit notes of every kind that Stripe makes and EN 16931 can say: each of an invoice of einvoices.py."""

from __future__ import annotations

from itertools import count
from random import Random
from typing import TYPE_CHECKING

from billing.domain.credit_note_documents import credit_note_document
from billing.domain.credit_notes import CreditNoteLine, RefundAmount
from billing.domain.documents import LOCALES
from billing.domain.invoices import DiscountAmount
from billing.domain.money import Money
from tests.fakes.objects import a_credit_note
from tests.support.einvoices import SELLER, STEP, stripe_invoice

if TYPE_CHECKING:
    from billing.domain.credit_notes import CreditNote
    from billing.domain.documents import InvoiceDocument
    from billing.domain.invoices import Invoice, InvoiceLine


def stripe_credit_note(seed: int) -> tuple[CreditNote, Invoice]:
    """Return a credit note on some or all lines of the seed's or of a later invoice, and that invoice."""
    for attempt in count():
        random = Random(f"credit note {seed} {attempt}")  # noqa: S311 - the same every time, on purpose
        invoice = stripe_invoice(seed + 1000 * attempt)
        lines = invoice.lines[: random.choice((1, len(invoice.lines)))]
        note = _credited(random, invoice, tuple(_line(number, line) for number, line in enumerate(lines)))
        if note.total.amount > 0:  # Stripe issues no other
            return note, invoice
    raise AssertionError("there is always a later one")


def credit_note_of(seed: int) -> InvoiceDocument:
    """Return the document of a seed's credit note."""
    note, invoice = stripe_credit_note(seed)
    return credit_note_document(note, invoice, None, SELLER, LOCALES[seed % len(LOCALES)])


def _line(number: int, line: InvoiceLine) -> CreditNoteLine:
    return CreditNoteLine(
        id=f"cnli_{number}",
        type="invoice_line_item",
        description=line.description,
        amount=line.amount,
        quantity=line.quantity,
        unit_amount=line.unit_amount,
        invoice_line=line.id,
        discounts=line.discounts,
        taxes=line.taxes,
    )


def _credited(random: Random, invoice: Invoice, lines: tuple[CreditNoteLine, ...]) -> CreditNote:
    currency = invoice.currency

    def money(amount: int) -> Money:
        return Money(amount, currency)

    taxes = [tax for line in lines for tax in line.taxes]
    added = sum(tax.amount.amount for tax in taxes if tax.behavior == "exclusive")
    contained = sum(tax.amount.amount for tax in taxes if tax.behavior == "inclusive")
    subtotal = sum(line.amount.amount for line in lines)
    discount = sum(part.amount.amount for line in lines for part in line.discounts)
    total = subtotal - discount + added
    after = random.choice((0, total, total // 3 // STEP.get(currency, 1) * STEP.get(currency, 1)))
    return a_credit_note(
        currency,
        number=f"{invoice.number}-CN-01",
        reason=random.choice((None, "duplicate", "order_change")),
        memo=random.choice((None, "Tut uns leid & <Entschuldigung>")),
        amount=money(total),
        subtotal=money(subtotal),
        total=money(total),
        total_excluding_tax=money(total - added - contained),
        pre_payment_amount=money(total - after),
        post_payment_amount=money(after),
        out_of_band_amount=None,
        refunds=(RefundAmount(money(after), "re_1"),) if after else (),
        discounts=(DiscountAmount(money(discount), "di_1"),) if discount else (),
        taxes=tuple(taxes),
        lines=lines,
    )
