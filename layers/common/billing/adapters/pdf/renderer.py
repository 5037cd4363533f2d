"""Draws an invoice with fpdf2: the same document gives the same bytes."""

from __future__ import annotations

import math
import unicodedata
import warnings
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from billing.adapters.pdf.formats import paper
from billing.adapters.pdf.labels import LABELS
from billing.adapters.pdf.layout import InvoiceLayout
from billing.adapters.pdf.typography import Cell, Style

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fpdf import FPDF

    from billing.adapters.pdf.typography import Block
    from billing.domain.documents import InvoiceDocument

_MARGIN = 18.0
_FOOT = 22.0  # below the text, with the footer in it
_FOOT_GAP = 5.0

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_VARIATION_SELECTORS = range(0xFE00, 0xFE10)
_ALERT = (180, 30, 30)
_RULE = 200
_IDEOGRAPHS = 0x2E80  # from here on rather the last of the fonts than the one between
_WATERMARK = 130.0  # points, at most
_PALE = 235


@dataclass(frozen=True, slots=True)
class _Face:
    """A font of the layer; without a bold file the regular one stands in."""

    family: str
    regular: str
    bold: str | None


# A font is read when a document has a character that those read before it lack: reading is most of what a
# drawing costs, and most documents need the first only.
_FACES = (
    _Face("notosans", "NotoSans-Regular.ttf", "NotoSans-Bold.ttf"),
    _Face("notosansmore", "NotoSansMore-Regular.ttf", "NotoSansMore-Bold.ttf"),
    _Face("notosansjp", "NotoSansJP-Regular.otf", None),
)


class FpdfInvoiceRenderer:
    """Draws with the fonts in the folder `fonts` (layers/pdf/build_fonts.py makes them).

    Text that no font covers is drawn as U+FFFD, and `missing_glyphs` is told how many different
    characters that were: it is how one learns of a customer whose name cannot be written yet.
    """

    def __init__(self, fonts: Path, missing_glyphs: Callable[[int], None] | None = None) -> None:
        self._fonts = fonts
        self._missing_glyphs = missing_glyphs

    def __call__(self, document: InvoiceDocument) -> bytes:
        """Return the PDF, on the paper of the buyer's country, else of the seller's."""
        canvas = _Canvas(document, self._fonts)
        layout = InvoiceLayout(document, canvas.width_of_text, canvas.height_of_text, canvas)
        pages = layout.pages().placed
        for number, placed in enumerate(pages, start=1):
            canvas.turn()
            canvas.watermark(layout.watermark)
            for y, block in placed:
                canvas.draw(y, block)
            canvas.draw(
                canvas.height_of_text + _FOOT_GAP - layout.footer_height, layout.footer(number, len(pages))
            )
        if canvas.missing and self._missing_glyphs is not None:
            self._missing_glyphs(len(canvas.missing))
        return canvas.output()


class _Canvas:
    """One PDF in the making; it measures with the fonts that it draws with.

    It chooses the font of each character itself: fpdf2's fallback fonts walk every text character
    by character, and leave the fallback selected for the text that follows (2.8.9).
    """

    def __init__(self, document: InvoiceDocument, fonts: Path) -> None:
        self._pdf = _new_pdf(document)
        self._fonts = fonts
        self._loaded = {_FACES[0]: self._load(_FACES[0])}
        self._faces: dict[str, _Face | None] = {}
        self._advances: dict[tuple[str, bool], float] = {}
        self.missing: set[str] = set()
        self._accent = _rgb(document.seller.accent_color)
        self.width_of_text = self._pdf.w - 2 * _MARGIN
        self.height_of_text = self._pdf.h - _MARGIN - _FOOT

    def printable(self, text: str) -> str:
        """Return the text with only what the fonts can draw, and line feeds."""
        if text.isascii() and text.isprintable():
            return text
        return "".join(map(self._drawn, unicodedata.normalize("NFC", text.replace("\r\n", "\n"))))

    def width(self, text: str, style: Style) -> float:
        """Return the width of a printable line; without kerning it is the sum of its characters'."""
        return sum(self._advance(char, bold=style.bold) for char in text) * style.size

    def turn(self) -> None:
        """Begin a page."""
        self._pdf.add_page()

    def watermark(self, text: str) -> None:
        """Draw a word large, pale and aslant in the middle of the page; draw it before what stands on it."""
        if not text:
            return
        text = self.printable(text)
        # Not wider than the page is, because fpdf2 takes a negative x for one from the right.
        size = min(_WATERMARK, 0.95 * self._pdf.w / self.width(text, Style(1, bold=True)))
        style = Style(size, bold=True, grey=_PALE)
        slope = math.degrees(math.atan2(self._pdf.h, self._pdf.w))
        x, y = (self._pdf.w - self.width(text, style)) / 2, (self._pdf.h - style.height) / 2
        with self._pdf.rotation(slope, self._pdf.w / 2, self._pdf.h / 2):
            self._draw(y - _MARGIN, Cell(x - _MARGIN, 0, text, style))

    def draw(self, y: float, block: Block) -> None:
        """Draw a block at `y` from the upper margin."""
        cells: list[tuple[float, Cell]] = []
        for row in block.rows:
            y += row.above
            if row.rule is not None:
                start, end = row.rule
                self._pdf.set_draw_color(_RULE)
                self._pdf.line(_MARGIN + start, _MARGIN + y, _MARGIN + end, _MARGIN + y)
            cells += ((y, cell) for cell in row.cells)
            y += row.height
        # The order of drawing is the order in which a reader of the text meets it.
        for top, cell in sorted(cells, key=lambda placed: placed[1].x) if block.by_column else cells:
            self._draw(top, cell)

    def output(self) -> bytes:
        """Return the finished PDF."""
        return bytes(self._pdf.output())

    def _draw(self, y: float, cell: Cell) -> None:
        style = cell.style
        x = cell.x + cell.width - self.width(cell.text, style) if cell.right else cell.x
        self._pdf.set_text_color(*self._color(style))
        for face, chars in groupby(cell.text, self._face):
            run = "".join(chars)
            width = self.width(run, style)
            self._select(face or _FACES[0], style.size, bold=style.bold)
            # Where cell() would put the baseline, in half of its time.
            baseline = y + 0.5 * style.height + 0.3 * self._pdf.font_size
            self._pdf.text(_MARGIN + x, _MARGIN + baseline, run)
            x += width

    def _color(self, style: Style) -> tuple[int, int, int]:
        if style.alert:
            return _ALERT
        if style.accent and self._accent is not None:
            return self._accent
        return (style.grey, style.grey, style.grey)

    def _drawn(self, char: str) -> str:
        category = unicodedata.category(char)
        if category in ("Zl", "Zp") or char in "\n\r\v\f":
            return "\n"
        # Joiners, direction marks, variation selectors: without shaping they do nothing.
        if category == "Cf" or ord(char) in _VARIATION_SELECTORS:
            return ""
        if category == "Cc" or (category == "Zs" and not self._covers(char)):
            return " "
        if self._covers(char):
            return char
        self.missing.add(char)
        return _REPLACEMENT

    def _covers(self, char: str) -> bool:
        return self._face(char) is not None

    def _face(self, char: str) -> _Face | None:
        if char not in self._faces:
            self._faces[char] = self._find(ord(char))
        return self._faces[char]

    def _find(self, code: int) -> _Face | None:
        for face, covered in self._loaded.items():
            if code in covered:
                return face
        for face in _FACES if code < _IDEOGRAPHS else reversed(_FACES):
            if face not in self._loaded:
                self._loaded[face] = self._load(face)
                if code in self._loaded[face]:
                    return face
        return None

    def _load(self, face: _Face) -> frozenset[int]:
        from fpdf.fonts import TTFFont

        self._pdf.add_font(face.family, "", self._fonts / face.regular)
        if face.bold is not None:
            self._pdf.add_font(face.family, "B", self._fonts / face.bold)
        font = self._pdf.fonts[face.family]
        return frozenset(font.cmap) if isinstance(font, TTFFont) else frozenset()

    def _select(self, face: _Face, size: float, *, bold: bool) -> None:
        self._pdf.set_font(face.family, "B" if bold and face.bold is not None else "", size)

    def _advance(self, char: str, *, bold: bool) -> float:
        key = (char, bold)
        if key not in self._advances:
            self._select(self._face(char) or _FACES[0], 1000, bold=bold)
            self._advances[key] = self._pdf.get_string_width(char) / 1000
        return self._advances[key]


def _rgb(color: str | None) -> tuple[int, int, int] | None:
    if color is None:
        return None
    red, green, blue = bytes.fromhex(color)
    return red, green, blue


def _new_pdf(document: InvoiceDocument) -> FPDF:
    with warnings.catch_warnings():
        # The layer leaves Pillow out: invoices have no pictures, and it is larger than all the rest.
        warnings.filterwarnings("ignore", message="Pillow could not be imported")
        from fpdf import FPDF

    buyer, seller = document.buyer.address.country, document.seller.address.country
    pdf = FPDF(unit="mm", format=paper(buyer, seller))
    pdf.set_margin(0)
    pdf.c_margin = 0
    pdf.set_auto_page_break(auto=False)
    # "{nb}" in a description is text, not a place for the number of pages.
    pdf.alias_nb_pages("")
    pdf.set_creation_date(document.issued)
    pdf.set_lang(document.locale)
    pdf.set_title(f"{LABELS[document.locale].title} {document.number or document.id}")
    pdf.set_author(document.seller.name)
    return pdf
