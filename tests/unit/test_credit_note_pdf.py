"""How a credit note looks, and an invoice with credit notes and payments: read back from the drawn PDF."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from decimal import Decimal
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from pypdf import PdfReader

from billing.adapters.pdf.credit_note_labels import CREDIT_NOTE_LABELS
from billing.adapters.pdf.renderer import FpdfInvoiceRenderer
from billing.domain.credit_note_documents import credit_note_document
from billing.domain.credit_note_summaries import CreditNoteSummary
from billing.domain.credit_notes import CreditNoteStatus
from billing.domain.documents import LOCALES, TEMPLATE_VERSION, invoice_document
from billing.domain.invoices import DiscountAmount, InvoiceStatus
from billing.domain.money import Money
from tests.fakes.objects import T0, a_credit_note, a_credit_note_line, a_payment, an_invoice
from tests.support.invoices import FINALIZED, SELLER, invoice
from tests.support.pdf import assert_in_place, pages, squeezed

if TYPE_CHECKING:
    from pathlib import Path

    from billing.domain.invoices import Invoice


@pytest.fixture(scope="session")
def renderer(fonts: Path) -> FpdfInvoiceRenderer:
    return FpdfInvoiceRenderer(fonts)


def draw(renderer: FpdfInvoiceRenderer, locale: str = "en", **changes: Any) -> bytes:
    return renderer(credit_note_document(a_credit_note(**changes), an_invoice(), None, SELLER, locale))


def test_it_says_what_is_corrected_why_and_how_it_is_credited(renderer: FpdfInvoiceRenderer) -> None:
    """Given a mixed credit note, when drawn, then everything is on it, and nothing is asked for."""
    (text,) = pages(draw(renderer, livemode=True))
    for said in (
        "Credit note",
        "Credit note number A-0001-CN-01",
        "Corrects invoice A-0001 of October 9, 2025",
        "Reason Product unsatisfactory",
        "Zoë Ångström",
        "Line 1",
        "Amount credited: €33.60",
        "Total credited €33.60",
        "Refunded €20.00",
        "Credited to your balance €5.00",
        "Credited otherwise €5.00",
        "Taken off invoice A-0001 €3.60",
        "Äpfel & Birnen",
    ):
        assert squeezed(said) in squeezed(text), said
    for unsaid in ("Amount due", "Amount paid", "VOID", "Test mode"):
        assert squeezed(unsaid) not in squeezed(text), unsaid


def test_it_names_what_was_discounted(renderer: FpdfInvoiceRenderer) -> None:
    """Given a credit note whose coupon is known, when drawn, then it takes the discount back by its name."""
    named = DiscountAmount(Money(20, "eur"), "di_1", "LAUNCH", "Launch offer", Decimal(20))
    note = a_credit_note(discounts=(named,))
    whole = replace(note, subtotal=sum((line.amount for line in note.lines), start=Money(0, "eur")))
    drawn = renderer(credit_note_document(whole, an_invoice(), None, SELLER, "en"))
    assert squeezed("Discount: Launch offer (20% off) -€0.20") in squeezed("".join(pages(drawn)))


def test_a_void_one_says_so_across_the_page(renderer: FpdfInvoiceRenderer) -> None:
    """Given a void credit note in test mode, when drawn, then both are said, and when it was voided."""
    (text,) = pages(draw(renderer, status=CreditNoteStatus.VOID, voided_at=T0))
    assert text.count("VOID") >= 2  # in the title's row, and as a watermark
    assert squeezed("Date voided October 9, 2025") in squeezed(text)
    assert "Test mode: not a real invoice." in text


@pytest.mark.parametrize("locale", LOCALES)
def test_every_language_has_its_words_in_their_places(renderer: FpdfInvoiceRenderer, locale: str) -> None:
    """Given a credit note of 60 lines, when drawn, then its words are there and nothing is cut."""
    lines = tuple(a_credit_note_line(number, description="Sehr langer Text " * 5) for number in range(1, 61))
    drawn = draw(renderer, locale, lines=lines)
    assert_in_place(drawn)
    text, words = squeezed("".join(pages(drawn))), CREDIT_NOTE_LABELS[locale]
    for said in (words.title, words.reasons["product_unsatisfactory"], words.refunded, words.total):
        assert squeezed(said) in text


def test_the_file_is_called_what_it_is(renderer: FpdfInvoiceRenderer) -> None:
    """Given a credit note in German, when drawn, then the PDF's title is not that of an invoice."""
    told = PdfReader(BytesIO(draw(renderer, "de"))).metadata
    assert told is not None
    assert told.title == "Rechnungskorrektur A-0001-CN-01"


def test_a_reason_that_has_no_words_is_not_told(renderer: FpdfInvoiceRenderer) -> None:
    """Given a reason of tomorrow, when drawn, then the row is left out."""
    (text,) = pages(draw(renderer, reason="moonlight"))
    assert "Reason" not in text
    assert "moonlight" not in text


def credited_invoice() -> Invoice:
    """Return 19.99: 5.00 credited before and 7.00 after payment, 10.00 paid by card, 1.00 otherwise."""
    eur = {amount: Money(amount, "eur") for amount in (399, 500, 700, 1000, 1200)}
    note = CreditNoteSummary(
        "cn_1",
        "DEMO-0001-CN-01",
        CreditNoteStatus.ISSUED,
        eur[1200],
        eur[500],
        eur[700],
        FINALIZED,
        FINALIZED,
    )
    return replace(
        invoice(status=InvoiceStatus.OPEN, amount_paid=1100),
        amount_remaining=eur[399],
        credit_notes=(note,),
        payments=(a_payment(amount_paid=eur[1000], paid_at=FINALIZED),),
    )


def test_a_change_of_the_words_raises_the_template_version(renderer: FpdfInvoiceRenderer) -> None:
    """Given a credit note and a credited invoice, when drawn in every language, then the words are known.

    When they change, raise TEMPLATE_VERSION, so that no strong ETag names two drawings, and write the new
    hash here. Where the words stand is held by the invoice's own hash (test_invoice_pdf_renderer).
    """
    drawn = hashlib.sha256()
    for locale in LOCALES:
        for each in (
            draw(renderer, locale),
            draw(renderer, locale, status=CreditNoteStatus.VOID, voided_at=T0, reason="duplicate"),
            renderer(invoice_document(credited_invoice(), None, SELLER, locale)),
        ):
            drawn.update(squeezed("".join(pages(each))).encode())
    assert {4: "c62e2f0dc2c3a774c784546e6dcee71ae287115cd2a2a76b8d8f0b3b92f77003"}[
        TEMPLATE_VERSION
    ] == drawn.hexdigest()


def test_an_invoice_tells_credits_and_payments_before_what_is_due(renderer: FpdfInvoiceRenderer) -> None:
    """Given 19.99, 5.00 credited, 10.00 paid by card and 1.00 otherwise, when drawn, then all is there."""
    (text,) = pages(renderer(invoice_document(credited_invoice(), None, SELLER, "en")))
    rows = [
        "Total €19.99",
        "Credit note DEMO-0001-CN-01 of November 1, 2025 -€5.00",
        "Payment of November 1, 2025 -€10.00",
        "Amount paid -€1.00",
        "Amount due €3.99",
        "Credit note DEMO-0001-CN-01 of November 1, 2025 gives back €7.00 of what was paid.",
    ]
    places = [squeezed(text).find(squeezed(row)) for row in rows]
    assert places == sorted(places)
    assert -1 not in places
