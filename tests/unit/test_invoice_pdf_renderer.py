# ruff: noqa: RUF001 - dashes and fullwidth signs are what is drawn
"""How an invoice looks: read back from the drawn PDF, as a person or a program reads it."""

from __future__ import annotations

import hashlib
import re
import shutil
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from io import BytesIO
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from billing.adapters.pdf.formats import Formats
from billing.adapters.pdf.labels import LABELS
from billing.adapters.pdf.renderer import FpdfInvoiceRenderer
from billing.domain.documents import LOCALES, TEMPLATE_VERSION, invoice_document
from billing.domain.invoices import DiscountAmount, InvoiceStatus
from billing.domain.money import Money
from billing.domain.parties import Address
from tests.support.invoices import CREATED, FINALIZED, MOMENT, SELLER, invoice, line, tax
from tests.support.pdf import assert_in_place, pages, sizes, squeezed

if TYPE_CHECKING:
    from pathlib import Path

    from billing.domain.invoices import Invoice

A4, LETTER = (595, 842), (612, 792)
PERCENT_OFF = DiscountAmount(Money(400, "eur"), "di_1", "LAUNCH", "Launch offer", Decimal("12.5"))
AMOUNT_OFF = DiscountAmount(Money(300, "eur"), "di_2", "GIFT", "Gift", amount_off=Money(500, "eur"))

# Of what the layer's fonts cover: Latin, Greek, Cyrillic and Japanese, with what stands between words.
letters = st.one_of(
    st.characters(categories=("Lu", "Ll", "Nd", "Po"), max_codepoint=0x024F),
    st.characters(min_codepoint=0x0391, max_codepoint=0x03C9, exclude_characters="\u03a2"),
    st.characters(min_codepoint=0x0410, max_codepoint=0x044F),
    st.sampled_from("株式会社請求書月額料金プロプラン、。（）ー€™—…"),
)
texts = st.lists(st.text(letters, min_size=1, max_size=40), min_size=1, max_size=12).map(" ".join)


@pytest.fixture(scope="session")
def renderer(fonts: Path) -> FpdfInvoiceRenderer:
    return FpdfInvoiceRenderer(fonts)


def draw(renderer: FpdfInvoiceRenderer, source: Invoice, locale: str = "en") -> bytes:
    return renderer(invoice_document(source, None, SELLER, locale))


def long_invoice(count: int) -> Invoice:
    return invoice(
        *(line(n * 100, description=f"Item no. {n}: metered API calls") for n in range(1, count + 1)),
        description="Thank you.",
    )


def test_it_says_who_when_what_and_how_much(renderer: FpdfInvoiceRenderer) -> None:
    """Given an invoice with everything, when it is drawn, then everything is on it."""
    source = invoice(
        line(1999, quantity=Decimal("2.5"), unit_amount=Decimal("799.6"), discount=100),
        line(-500, description="Refund of unused time", period=MOMENT),
        status=InvoiceStatus.PAID,
        subtotal=1399,
        discounts=(DiscountAmount(Money(150, "eur"), "di_1"),),
        taxes=(tax(256, 1349),),
        total=1605,
        amount_paid=1605,
        starting_balance=-10,
        due_date=CREATED + timedelta(days=14),
        paid_at=FINALIZED,
        description="Thank you for your business.",
        footer="Payable within 14 days.",
        customer_tax_exempt="reverse",
    )
    (text,) = pages(draw(renderer, source))
    words = squeezed(text)
    for part in (
        "Invoice number DEMO-0001",
        "Date of issue November 1, 2025",
        "Date due November 15, 2025",
        "Date paid November 1, 2025",
        "Service period Nov 1 – 30, 2025",
        "Paid",
        "Acme Cloud Inc. 500 Example Avenue San Francisco, CA 94107 United States billing@acme.example",
        "Tax ID: 12-3456789 Delaware 1234567",
        "Müller & Söhne GmbH Hauptstraße 1 10115 Berlin Germany buchhaltung@example.com Tax ID: DE123456789",
        "Description Quantity Unit price Amount (EUR)",
        "Pro plan",
        "Discount: -€1.00",
        "2.5 €7.996 €19.99",
        "Refund of unused time",
        "-€5.00",
        "Sum of items €14.99 Discounts on items -€1.00 Subtotal €13.99 Discount -€0.50",
        "Total excluding tax €13.49 Tax on €13.49 €2.56 Total €16.05 Amount paid -€16.05 Amount due €0.00",
        "Account balance before this invoice: -€0.10",
        "Reverse charge: tax to be paid by the recipient.",
        "Thank you for your business.",
        "Payable within 14 days.",
        "Page 1 of 1",
    ):
        assert squeezed(part) in words
    assert "Test mode" not in text


@pytest.mark.parametrize("locale", LOCALES)
def test_it_speaks_the_readers_language(renderer: FpdfInvoiceRenderer, locale: str) -> None:
    """Given a language, when an invoice is drawn, then its words are of that language, and all in place."""
    pdf = draw(renderer, invoice(livemode=False, taxes=(tax(380, 1999),), total=2379), locale)
    labels = LABELS[locale]
    (text,) = pages(pdf)
    for word in (
        labels.title,
        labels.buyer,
        labels.unit_price,
        labels.subtotal,
        labels.due,
        labels.test_mode,
    ):
        assert squeezed(word) in squeezed(text)
    assert str(PdfReader(BytesIO(pdf)).root_object["/Lang"]) == locale
    assert_in_place(pdf)


def test_a_long_invoice_turns_pages(renderer: FpdfInvoiceRenderer) -> None:
    """Given 300 lines, when drawn, then each stands once, in order, under a heading on every page."""
    pdf = draw(renderer, long_invoice(300))
    texts = pages(pdf)
    assert re.findall(r"Item no\. (\d+):", "".join(texts)) == [str(n) for n in range(1, 301)]
    for number, text in enumerate(texts, start=1):
        assert f"Page {number} of {len(texts)}" in text
        assert "DEMO-0001" in text
        if "Item no." in text:
            assert squeezed("Description Quantity Unit price Amount (EUR)") in squeezed(text)
    assert "€45,150.00" in texts[-1]
    assert_in_place(pdf)


def test_every_turned_page_carries_its_sum(renderer: FpdfInvoiceRenderer) -> None:
    """Given 100 lines, when drawn, then each page ends and the next begins with the sum of lines so far."""
    texts = pages(draw(renderer, long_invoice(100)))
    assert len(texts) > 3
    for left, turned in pairwise(texts):
        if "Item no." in turned:
            lines = max(int(number) for number in re.findall(r"Item no\. (\d+):", left))
            amount = f"€{lines * (lines + 1) // 2:,}.00"
            assert squeezed(f"Carried forward {amount}") in squeezed(left)
            assert squeezed(f"Brought forward {amount}") in squeezed(turned)
    assert "Brought" not in texts[0]
    assert "Carried" not in texts[-1]


def test_a_tax_says_its_percentage_and_name(renderer: FpdfInvoiceRenderer) -> None:
    """Given taxes of known and unknown rates, when drawn, then what is known is said, to the last digit."""
    known = tax(112, 590, percentage=Decimal("19.00"), name="MwSt.")
    contained = tax(52, 590, rate="txr_2", percentage=Decimal("8.875"), behavior="inclusive")
    unnamed = tax(5, None, rate="txr_3", percentage=Decimal("0.5"), name="Cess")
    source = invoice(line(1999), taxes=(known, contained, unnamed), total=2116)
    words = squeezed("".join(pages(draw(renderer, source, "de"))))
    for part in (
        "19 % MwSt. auf 5,90 € 1,12 €",
        "8,875 % Steuer auf 5,90 €, enthalten 0,52 €",
        "0,5 % Cess 0,05 €",
    ):
        assert squeezed(part) in words


@pytest.mark.parametrize(
    ("reason", "exempt", "locale", "note"),
    [
        ("reverse_charge", "none", "en", "Reverse charge: tax to be paid by the recipient."),
        (None, "reverse", "de", "Steuerschuldnerschaft des Leistungsempfängers."),
        ("customer_exempt", "none", "fr", "Exonéré de taxe."),
        ("product_exempt", "none", "es", "Exento de impuestos."),
        (None, "exempt", "ja", "非課税。"),
    ],
)
def test_an_invoice_without_tax_says_why(
    renderer: FpdfInvoiceRenderer, reason: str | None, exempt: str, locale: str, note: str
) -> None:
    """Given a tax of nothing, or a buyer who pays none, when drawn, then the reason is told."""
    source = invoice(taxes=(tax(0, 1999, reason=reason),), customer_tax_exempt=exempt)
    assert squeezed(note) in squeezed("".join(pages(draw(renderer, source, locale))))


def test_a_proration_is_marked(renderer: FpdfInvoiceRenderer) -> None:
    """Given a proration and another line, when drawn, then the one is marked."""
    source = invoice(replace(line(-500, description="Unused time"), proration=True), line(1999))
    (text,) = pages(draw(renderer, source))
    assert text.count("Prorated") == 1


@pytest.mark.parametrize(("status", "told"), [(InvoiceStatus.OPEN, True), (InvoiceStatus.PAID, False)])
def test_the_seller_says_how_to_pay_what_is_due(
    renderer: FpdfInvoiceRenderer, status: InvoiceStatus, told: object
) -> None:
    """Given a seller with a payment note and a footer, when drawn, then the note is there while it helps."""
    seller = replace(SELLER, payment_note="IBAN DE02", footer="Acme " * 40, accent_color="1c4e80")
    source = replace(long_invoice(40), status=status)
    pdf = renderer(invoice_document(source, None, seller, "en"))
    texts = pages(pdf)
    assert ("IBAN DE02" in "".join(texts)) is told
    assert {squeezed(text).count("Acme" * 40) for text in texts} == {1}
    assert_in_place(pdf)


def test_the_same_document_gives_the_same_bytes(fonts: Path, renderer: FpdfInvoiceRenderer) -> None:
    """Given one document, when drawn again, by another renderer, after others, then no byte differs."""
    first = draw(renderer, invoice(), "ja")
    draw(renderer, invoice(line(1, description="something else")))
    assert draw(renderer, invoice(), "ja") == first
    assert draw(FpdfInvoiceRenderer(fonts), invoice(), "ja") == first


@pytest.mark.parametrize(("status", "word"), [(InvoiceStatus.DRAFT, "DRAFT"), (InvoiceStatus.VOID, "VOID")])
def test_what_is_no_valid_invoice_says_so_on_every_page(
    renderer: FpdfInvoiceRenderer, status: InvoiceStatus, word: str
) -> None:
    """Given a draft or a void invoice, when drawn, then no page of it can pass for a valid one."""
    source = replace(long_invoice(50), status=status, number=None if word == "DRAFT" else "DEMO-0001")
    texts = pages(draw(renderer, source))
    assert len(texts) > 2
    assert all(word in text for text in texts)
    assert ("Invoice number" in texts[0]) == (word == "VOID")
    assert ("Amount due" in texts[-1]) == (word == "DRAFT")


@pytest.mark.parametrize(
    ("buyer", "seller", "size"),
    [("US", "DE", LETTER), ("DE", "US", A4), (None, "US", LETTER), (None, "DE", A4), (None, None, A4)],
)
def test_the_paper_is_the_buyers(
    renderer: FpdfInvoiceRenderer, buyer: str | None, seller: str | None, size: tuple[int, int]
) -> None:
    """Given where buyer and seller are, when drawn, then the page fits the buyer's printer."""
    issuer = replace(SELLER, address=Address(country=seller))
    source = invoice(customer_address=Address(country=buyer))
    assert sizes(renderer(invoice_document(source, None, issuer, "en"))) == {size}


@pytest.mark.parametrize(
    ("currency", "amount", "written"),
    [("jpy", -33000, "-¥33,000"), ("kwd", 1234567, "KWD1,234.567"), ("isk", 199900, "ISK1,999")],
)
def test_amounts_have_the_decimals_of_their_currency(
    renderer: FpdfInvoiceRenderer, currency: str, amount: int, written: str
) -> None:
    """Given a currency of 0 or 3 decimals, or a credit, when drawn, then the amount is exact."""
    (text,) = pages(draw(renderer, invoice(line(amount, currency), currency=currency)))
    assert squeezed(text).count(written) >= 4


@settings(max_examples=20, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(texts, texts, st.sampled_from(LOCALES))
def test_no_text_is_lost_and_none_leaves_its_place(
    renderer: FpdfInvoiceRenderer, description: str, name: str, locale: str
) -> None:
    """Given any names and descriptions, when drawn, then they can be read whole and cover nothing."""
    source = invoice(
        line(1999, description=description), line(-(2**62), description=name), customer_name=name
    )
    pdf = draw(renderer, source, locale)
    words = squeezed("".join(pages(pdf)))
    assert squeezed(description) in words
    assert squeezed(name) in words
    assert_in_place(pdf)


@pytest.mark.parametrize("text", ["W" * 3000, "word " * 2000, "請求書" * 800, "a\nb\r\nc\td" * 300])
def test_a_text_longer_than_a_page_goes_on_over_the_next(renderer: FpdfInvoiceRenderer, text: str) -> None:
    """Given a text of several pages, when drawn, then it is whole and stays within the margins."""
    pdf = draw(renderer, invoice(line(1999, description=text), description=text, customer_name=text))
    assert squeezed("".join(pages(pdf))).count(squeezed(text)[:20]) >= 3
    assert_in_place(pdf)


def test_a_price_that_is_too_long_is_cut_before_its_currency(renderer: FpdfInvoiceRenderer) -> None:
    """Given a price of 15 decimals, when its column is too narrow, then the currency stays whole."""
    priced = line(1234567, "kwd", unit_amount=Decimal("0.000000000125"))
    (text,) = pages(draw(renderer, invoice(priced, currency="kwd"), "es"))
    assert re.search(r"0,000000000000125\s+KWD", text)


def test_a_placeholder_in_a_text_is_text(renderer: FpdfInvoiceRenderer) -> None:
    """Given a description with fpdf2's placeholder and markup, when drawn, then it stands as written."""
    (text,) = pages(draw(renderer, invoice(line(1, description="{nb} **bold** <b>x</b> %s {page}"))))
    assert "{nb} **bold** <b>x</b> %s {page}" in text


@pytest.mark.parametrize("locale", ["en", "de", "fr", "es"])
def test_a_european_invoice_reads_the_smallest_fonts_only(fonts: Path, tmp_path: Path, locale: str) -> None:
    """Given only the fonts of European letters, when a void invoice is drawn, then no other is looked for."""
    for style in ("Regular", "Bold"):
        shutil.copy(fonts / f"NotoSans-{style}.glyphs", tmp_path)
    source = replace(
        invoice(line(-1999, description="Größe – „Ærøskøbing“ № 5, Łódź, Șimleu, ½ €")),
        status=InvoiceStatus.VOID,
        taxes=(tax(38, 200, percentage=Decimal("7.7")),),
    )
    (text,) = pages(draw(FpdfInvoiceRenderer(tmp_path), source, locale))
    assert "Ærøskøbing" in text


def test_what_no_font_covers_is_replaced_and_reported(fonts: Path) -> None:
    """Given a name in a script without a font, when drawn, then it is visible as missing, and counted."""
    counts: list[int] = []
    renderer = FpdfInvoiceRenderer(fonts, counts.append)
    (text,) = pages(draw(renderer, invoice(customer_name="سلا Ltd \N{PILE OF POO}")))
    assert "\N{REPLACEMENT CHARACTER} Ltd \N{REPLACEMENT CHARACTER}" in text
    assert counts == [4]
    draw(renderer, invoice(customer_name="Ordinary Ltd"))
    assert counts == [4]


def test_invisible_characters_leave_no_trace(fonts: Path) -> None:
    """Given joiners, marks of direction and a decomposed letter, when drawn, then nothing is missing."""
    counts: list[int] = []
    name = "A\N{ZERO WIDTH SPACE}c\N{SOFT HYPHEN}m\N{LEFT-TO-RIGHT MARK}e Mu\N{COMBINING DIAERESIS}ller"
    (text,) = pages(draw(FpdfInvoiceRenderer(fonts, counts.append), invoice(customer_name=name)))
    assert "Acme Müller" in text
    assert counts == []


NAMED = {
    "en": ("Discount: Launch offer (12.5% off)", "Discount: Gift (€5.00 off)", "Discount: Gift"),
    "de": ("Rabatt: Launch offer (12,5 % Nachlass)", "Rabatt: Gift (5,00 € Nachlass)", "Rabatt: Gift"),
    "fr": (
        "Remise : Launch offer (12,5 % de réduction)",
        "Remise : Gift (5,00 € de réduction)",
        "Remise : Gift",
    ),
    "es": (
        "Descuento: Launch offer (12,5 % de descuento)",
        "Descuento: Gift (5,00 € de descuento)",
        "Descuento: Gift",
    ),
    "ja": ("割引：Launch offer（12.5%引き）", "割引：Gift（€5.00引き）", "割引：Gift"),
}


@pytest.mark.parametrize("locale", LOCALES)
def test_discounts_are_called_by_their_names(renderer: FpdfInvoiceRenderer, locale: str) -> None:
    """Given discounts in per cent, of an amount, and by name alone, when drawn, then each has its own row."""
    plain = replace(AMOUNT_OFF, amount_off=None, amount=Money(100, "eur"))
    source = invoice(line(4000), discounts=(PERCENT_OFF, AMOUNT_OFF, plain), total=3200)
    words = squeezed("".join(pages(draw(renderer, source, locale))))
    formats = Formats(locale)
    for label, amount in zip(NAMED[locale], (400, 300, 100), strict=True):
        assert squeezed(f"{label} {formats.money(Money(-amount, 'eur'))}") in words


def test_discounts_without_a_name_are_one_sum(renderer: FpdfInvoiceRenderer) -> None:
    """Given one named discount and two unknown ones, when drawn, then the unknown are summed below it."""
    unknown = DiscountAmount(Money(10, "eur"), "di_3")
    discounts = (PERCENT_OFF, unknown, replace(unknown, discount="di_4"))
    words = squeezed("".join(pages(draw(renderer, invoice(line(4000), discounts=discounts, total=3580)))))
    assert squeezed("Discount: Launch offer (12.5% off) -€4.00 Discount -€0.20 Total €35.80") in words


def test_a_line_names_its_own_discounts(renderer: FpdfInvoiceRenderer) -> None:
    """Given a line with a named and an unknown discount of its own, when drawn, then it tells both apart."""
    discounts = (PERCENT_OFF, DiscountAmount(Money(10, "eur"), "di_3"))
    source = invoice(replace(line(4000), discounts=discounts), discounts=discounts, subtotal=3590)
    words = squeezed("".join(pages(draw(renderer, source))))
    assert squeezed("Discount: Launch offer (12.5% off) · -€4.00 Discount: -€0.10") in words
    assert squeezed("Sum of items €40.00 Discounts on items -€4.10 Subtotal €35.90") in words


def test_a_change_of_the_drawing_raises_the_template_version(renderer: FpdfInvoiceRenderer) -> None:
    """Given one invoice in every language, when drawn, then it is as this version of the template draws it.

    The hash changes with layout, words and Babel. When it does (or fpdf2 or the fonts do): raise
    TEMPLATE_VERSION, so that no strong ETag names two drawings, and write the new hash here.
    """
    drawn = hashlib.sha256()
    known = tax(20, 100, rate="txr_2", percentage=Decimal("20.5"), name="VAT", behavior="inclusive")
    prorated = replace(line(-250, quantity=None), proration=True)
    source = replace(
        invoice(line(1999, discount=5), prorated, *(line(1) for _ in range(40))),
        status=InvoiceStatus.VOID,
        discounts=(PERCENT_OFF, AMOUNT_OFF, replace(AMOUNT_OFF, amount_off=None)),
        taxes=(tax(38, 200), known),
    )
    for locale in LOCALES:
        for page in PdfReader(BytesIO(draw(renderer, source, locale))).pages:
            drawn.update(page["/Contents"].get_object().get_data())  # type: ignore[union-attr]
            for font in page["/Resources"]["/Font"].values():  # type: ignore[index]
                drawn.update(font["/ToUnicode"].get_data())
    assert {4: "f9edb445387345cadcf6bee85f4c6c7e14710957ca942253408605d1aafc08ec"}[
        TEMPLATE_VERSION
    ] == drawn.hexdigest()
