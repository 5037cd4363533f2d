"""Names in scripts that run from right to left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pypdfium2  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.adapters.pdf.direction import visual
from billing.adapters.pdf.renderer import FpdfInvoiceRenderer
from billing.domain.documents import invoice_document
from tests.support.invoices import SELLER, invoice, line
from tests.support.pdf import assert_in_place, pages, squeezed

if TYPE_CHECKING:
    from pathlib import Path

HEBREW = "אבגדהוזחטיכלמנסעפצקרשת"
NAME = "שלום עולם בע״מ"
ADDRESS = "דוא״ל (תל אביב) 12"
mixed = st.text(f"{HEBREW} ab12()., ״", max_size=30)


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("Plain (1) <b> Größe 請求書", "Plain (1) <b> Größe 請求書"),
        ("אבג", "גבא"),
        ("אבג 12", "12 גבא"),
        ("(אב) ג", "ג (בא)"),
        ("Plan אבג 12 ok", "Plan 12 גבא ok"),
        ("אבג Ltd", "Ltd גבא"),
        ("", ""),
    ],
)
def test_a_line_is_seen_in_the_order_of_its_scripts(line: str, seen: str) -> None:
    """Given lines in one script and in two, when put in order, then numbers run left to right in them."""
    assert visual(line) == seen


@given(mixed)
def test_no_character_is_lost(text: str) -> None:
    """Given any mixture, when put in order, then the same characters stand there, brackets perhaps turned."""
    turned = str.maketrans("()", "((")
    assert sorted(visual(text).translate(turned)) == sorted(text.translate(turned))


@given(st.text(HEBREW, min_size=1))
def test_hebrew_runs_from_the_right(text: str) -> None:
    """Given Hebrew only, when put in order, then its first letter is the last from the left."""
    assert visual(text) == text[::-1]


def test_a_hebrew_name_can_be_read(fonts: Path) -> None:
    """Given a Hebrew customer and line, when drawn, then each letter stands left of the one before."""
    missing: list[int] = []
    source = invoice(line(1999, description=ADDRESS), customer_name=NAME)
    pdf = FpdfInvoiceRenderer(fonts, missing.append)(invoice_document(source, None, SELLER, "en"))
    assert missing == []
    assert_in_place(pdf)
    opened = pypdfium2.PdfDocument(pdf)
    page = opened[0].get_textpage()
    # PDFium gives the text in the order in which it is read.
    text = page.get_text_range()
    assert NAME in text
    start = text.index(NAME)
    lefts = [page.get_charbox(start + i)[0] for i, char in enumerate(NAME) if char in HEBREW]
    opened.close()
    assert lefts == sorted(lefts, reverse=True)


def test_points_are_left_out(fonts: Path) -> None:
    """Given a pointed name, when drawn, then its letters are there and nothing counts as missing."""
    missing: list[int] = []
    source = invoice(customer_name="שָׁלוֹם")
    draw = FpdfInvoiceRenderer(fonts, missing.append)
    (text,) = pages(draw(invoice_document(source, None, SELLER, "en")))
    assert set("שלום") <= set(squeezed(text))
    assert missing == []
