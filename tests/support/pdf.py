"""Reads invoices back from their PDF: the text, and where it stands."""

from __future__ import annotations

import re
import unicodedata
from io import BytesIO

import pypdfium2  # type: ignore[import-untyped]
from pypdf import PdfReader

MARGIN = 18 * 72 / 25.4
FOOT = 12 * 72 / 25.4


def pages(pdf: bytes) -> list[str]:
    """Return the text of each page."""
    return [page.extract_text() for page in PdfReader(BytesIO(pdf)).pages]


def squeezed(text: str) -> str:
    """Return the text without spaces and line ends, which wrapping moves."""
    return re.sub(r"\s", "", unicodedata.normalize("NFC", text))


def boxes(pdf: bytes) -> list[list[tuple[float, float, float, float]]]:
    """Return per page the rectangles (left, bottom, right, top) of its runs of text, in points."""
    document = pypdfium2.PdfDocument(pdf)
    found = []
    for page in document:
        text = page.get_textpage()
        found.append([text.get_rect(i) for i in range(text.count_rects())])
    document.close()
    return found


def sizes(pdf: bytes) -> set[tuple[int, int]]:
    """Return the sizes of the pages, in whole points."""
    return {
        (round(page.mediabox.width), round(page.mediabox.height)) for page in PdfReader(BytesIO(pdf)).pages
    }


OVERHANG = 2
"""Points."""


def assert_in_place(pdf: bytes) -> None:
    """Assert that no text leaves the margins or covers other text.

    Boxes are of ink, which may overhang its place a little: a j reaches under the letter before it.
    """
    ((width, height),) = sizes(pdf)
    for page in boxes(pdf):
        for left, bottom, right, top in page:
            assert MARGIN - OVERHANG <= left <= right <= width - MARGIN + OVERHANG
            assert FOOT <= bottom <= top <= height - MARGIN + OVERHANG
        for i, (left, bottom, right, top) in enumerate(page):
            for other in page[i + 1 :]:
                wide = min(right, other[2]) - max(left, other[0])
                high = min(top, other[3]) - max(bottom, other[1])
                assert min(wide, high) < OVERHANG, f"{(left, bottom, right, top)} overlaps {other}"
