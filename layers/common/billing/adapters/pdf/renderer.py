"""Draws an invoice as a PDF: the same document gives the same bytes."""

from __future__ import annotations

import math
import unicodedata
from typing import TYPE_CHECKING

from billing.adapters.pdf.credit_note_labels import title_of
from billing.adapters.pdf.direction import visual
from billing.adapters.pdf.file import PdfFile
from billing.adapters.pdf.formats import paper
from billing.adapters.pdf.layout import InvoiceLayout
from billing.adapters.pdf.typefaces import Typefaces
from billing.adapters.pdf.typography import POINT, Style
from billing.domain.einvoice import EInvoice
from billing.domain.einvoicing import einvoice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from billing.adapters.pdf.fonts import FontFile, FontSubset
    from billing.adapters.pdf.picture import Picture
    from billing.adapters.pdf.typography import Block, Cell
    from billing.domain.documents import InvoiceDocument
    from billing.use_cases.document_ports import EInvoiceWriter

_MARGIN = 18.0
_FOOT = 22.0  # below the text, with the footer in it
_FOOT_GAP = 5.0

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_VARIATION_SELECTORS = range(0xFE00, 0xFE10)
_HEBREW_POINTS = range(0x0591, 0x05C8)
_ALERT = (180, 30, 30)
_RULE = "0.784 G 0.57 w"
_WATERMARK = 130.0  # points, at most
_PALE = 235


class FpdfInvoiceRenderer:
    """Draws with the fonts in the folder `fonts` (layers/pdf/build_fonts.py makes them).

    Text that no font covers is drawn as U+FFFD, and `missing_glyphs` is told how many different
    characters that were: it is how one learns of a customer whose name cannot be written yet.
    `einvoice_writer` writes the XML that goes into the PDF, which is a PDF/A-3B then, where the document has
    all that an e-invoice needs. `logo` is the one that the seller of a document names. A renderer reads a
    font once: keep it.
    """

    def __init__(
        self,
        fonts: Path,
        missing_glyphs: Callable[[int], None] | None = None,
        einvoice_writer: EInvoiceWriter | None = None,
        logo: Picture | None = None,
    ) -> None:
        self._faces = Typefaces(fonts)
        self._missing_glyphs = missing_glyphs
        self._einvoice_writer = einvoice_writer
        self._logo = logo

    def __call__(self, document: InvoiceDocument) -> bytes:
        """Return the PDF, on the paper of the buyer's country, else of the seller's."""
        canvas = _Canvas(document, self._faces, self._einvoice(document), self._logo)
        layout = InvoiceLayout(document, canvas.width_of_text, canvas.height_of_text, canvas)
        pages = layout.pages().placed
        for number, placed in enumerate(pages, start=1):
            canvas.watermark(layout.watermark)
            for y, block in placed:
                canvas.draw(y, block)
            canvas.draw(
                canvas.height_of_text + _FOOT_GAP - layout.footer_height, layout.footer(number, len(pages))
            )
            canvas.turn()
        if canvas.missing and self._missing_glyphs is not None:
            self._missing_glyphs(len(canvas.missing))
        return canvas.output()

    def _einvoice(self, document: InvoiceDocument) -> bytes | None:
        if self._einvoice_writer is None:
            return None
        found = einvoice(document)
        return self._einvoice_writer(found) if isinstance(found, EInvoice) else None


class _Canvas:
    """One PDF in the making; it measures with the fonts that it draws with.

    Text and rules of a page are kept as operators of a content stream until the page is turned: rules, which
    may not stand within a text object, come before it.
    """

    def __init__(
        self, document: InvoiceDocument, faces: Typefaces, xml: bytes | None, logo: Picture | None
    ) -> None:
        self._pdf = _new_pdf(document, xml)
        self._logo = logo
        self._faces = faces
        self._embedded: dict[FontFile, tuple[str, FontSubset]] = {}
        self._accent = _rgb(document.seller.accent_color)
        self.missing: set[str] = set()
        self.width_of_text = self._pdf.w * POINT - 2 * _MARGIN
        self.height_of_text = self._pdf.h * POINT - _MARGIN - _FOOT
        self._under: list[str] = []
        self._text: list[str] = []
        self._at = (0, 0)  # in hundredths of a point, as all places on the page
        self._set: tuple[str, str] = ("", "")

    def printable(self, text: str) -> str:
        """Return the text with only what the fonts can draw, and line feeds."""
        if self._faces.ordinary.issuperset(text):
            return text
        return "".join(map(self._drawn, unicodedata.normalize("NFC", text.replace("\r\n", "\n"))))

    def width(self, text: str, style: Style) -> float:
        """Return the width of a printable line; without kerning it is the sum of its characters'."""
        return self._faces.width(text, bold=style.bold) * style.size * POINT

    def turn(self) -> None:
        """Finish a page."""
        self._pdf.put_page("\n".join((*self._under, "BT", *self._text, "ET")))
        self._under.clear()
        self._text.clear()
        self._at, self._set = (0, 0), ("", "")

    def watermark(self, text: str) -> None:
        """Draw a word large, pale and aslant in the middle of the page; draw it before what stands on it."""
        if not text:
            return
        text = self.printable(text)
        size = min(_WATERMARK, 0.95 * self._pdf.w * POINT / self.width(text, Style(1, bold=True)))
        style = Style(size, bold=True, grey=_PALE)
        slope = math.atan2(self._pdf.h, self._pdf.w)
        # From the middle of the page, turned: half of the width back, and down to the baseline.
        cos, sin = math.cos(slope), math.sin(slope)
        back, down = self.width(text, style) / POINT / 2, 0.3 * size
        x = self._pdf.w / 2 - back * cos + down * sin
        y = self._pdf.h / 2 - back * sin - down * cos
        self._under.append(f"BT {self._color(style)}")
        self._under.append(f"{cos:.5f} {sin:.5f} {-sin:.5f} {cos:.5f} {x:.2f} {y:.2f} Tm")
        self._under += (f"{font} {size:.2f} Tf {run} Tj" for font, run in self._runs(text, style))
        self._under.append("ET")

    def draw(self, y: float, block: Block) -> None:
        """Draw a block at `y` from the upper margin."""
        cells: list[tuple[float, Cell]] = []
        for row in block.rows:
            y += row.above
            if row.rule is not None:
                start, end, up = _across(row.rule[0]), _across(row.rule[1]), self._up(y) / 100
                self._under.append(f"{_RULE} {start / 100:g} {up:g} m {end / 100:g} {up:g} l S")
            if row.picture is not None and self._logo is not None:
                width, height = (side / POINT for side in row.picture)
                place = (
                    f"{width:.2f} 0 0 {height:.2f} {_across(0) / 100:g} {self._up(y) / 100 - height:.2f} cm"
                )
                self._under.append(f"q {place} {self._pdf.embed_picture(self._logo)} Do Q")
            cells += ((y, cell) for cell in row.cells)
            y += row.height
        # The order of drawing is the order in which a reader of the text meets it.
        for top, cell in sorted(cells, key=lambda placed: placed[1].x) if block.by_column else cells:
            self._draw(top, cell)

    def output(self) -> bytes:
        """Return the finished PDF."""
        return self._pdf.finished()

    def _draw(self, y: float, cell: Cell) -> None:
        style = cell.style
        x = cell.x + cell.width - self.width(cell.text, style) if cell.right else cell.x
        right, up = _across(x), self._up(y + 0.5 * style.height + 0.3 * style.size * POINT)
        self._text.append(f"{(right - self._at[0]) / 100:g} {(up - self._at[1]) / 100:g} Td")
        self._at = right, up
        color = self._color(style)
        if color != self._set[1]:
            self._text.append(color)
        for font, run in self._runs(visual(cell.text), style):
            selected = f"{font} {style.size:g} Tf"
            if selected != self._set[0]:
                self._text.append(selected)
                self._set = selected, color
            self._text.append(f"{run} Tj")
        self._set = self._set[0], color

    def _runs(self, text: str, style: Style) -> Iterator[tuple[str, str]]:
        """Yield the font and the encoded text of each part that one font draws."""
        for file, run in self._faces.runs(text, bold=style.bold):
            name, subset = self._embedded.get(file) or self._embed(file)
            yield name, subset.encoded(run)

    def _embed(self, file: FontFile) -> tuple[str, FontSubset]:
        self._embedded[file] = embedded = self._pdf.embed_font(file)
        return embedded

    def _up(self, y: float) -> int:
        """Return the height above the foot of the page of what is `y` below the upper margin."""
        return round(100 * self._pdf.h) - round(100 * (_MARGIN + y) / POINT)

    def _color(self, style: Style) -> str:
        if style.alert:
            return _fill(_ALERT)
        if style.accent and self._accent is not None:
            return _fill(self._accent)
        return f"{style.grey / 255:.3g} g"

    def _drawn(self, char: str) -> str:
        category = unicodedata.category(char)
        if category in ("Zl", "Zp") or char in "\n\r\v\f":
            return "\n"
        # Joiners, direction marks, variation selectors and points: without shaping they do nothing, or harm.
        if category == "Cf" or ord(char) in _VARIATION_SELECTORS:
            return ""
        if category == "Mn" and ord(char) in _HEBREW_POINTS:
            return ""
        covered = self._faces.cover(char)
        if category == "Cc" or (category == "Zs" and not covered):
            return " "
        if covered:
            return char
        self.missing.add(char)
        return _REPLACEMENT


def _across(x: float) -> int:
    """Return how far what is `x` from the margin is from the left of the page, in hundredths of a point."""
    return round(100 * (_MARGIN + x) / POINT)


def _fill(color: tuple[int, int, int]) -> str:
    red, green, blue = (f"{part / 255:.3g}" for part in color)
    return f"{red} {green} {blue} rg"


def _rgb(color: str | None) -> tuple[int, int, int] | None:
    if color is None:
        return None
    red, green, blue = bytes.fromhex(color)
    return red, green, blue


def _new_pdf(document: InvoiceDocument, xml: bytes | None) -> PdfFile:
    return PdfFile(
        paper(document.buyer.address.country, document.seller.address.country),
        title=f"{title_of(document)} {document.number or document.id}",
        author=document.seller.name,
        language=document.locale,
        created=document.issued,
        einvoice=xml,
    )
