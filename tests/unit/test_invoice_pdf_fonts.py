"""Fonts as they are prepared, and as a document embeds them."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pypdfium2  # type: ignore[import-untyped]
import pytest
from fontTools.pens.recordingPen import DecomposingRecordingPen  # type: ignore[import-untyped]
from fontTools.ttLib import TTFont  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from billing.adapters.pdf.file import PdfFile
from billing.adapters.pdf.fonts import FontFile, FontSubset
from billing.adapters.pdf.typefaces import Typefaces

if TYPE_CHECKING:
    from pathlib import Path

ISSUED = datetime(2026, 11, 1, tzinfo=UTC)
FILES = ("NotoSans-Regular", "NotoSans-Bold", "NotoSansJP-Regular")
texts = st.text("ABCxyzäöüß€ 0123456789Ωж請求書。", min_size=1, max_size=30)


@pytest.fixture(scope="session")
def files(fonts: Path) -> dict[str, FontFile]:
    return {name: FontFile(fonts / f"{name}.glyphs") for name in FILES}


def drawn(font: Any, glyph: str) -> list[tuple[str, tuple[Any, ...]]]:
    """Return the outline as it would be drawn, accents and letters as one."""
    glyphs = font.getGlyphSet()
    pen = DecomposingRecordingPen(glyphs)
    glyphs[glyph].draw(pen)
    return list(pen.value)


def read(font: bytes, caplog: pytest.LogCaptureFixture) -> Any:
    """Return the font, every table of it read and its checksums checked."""
    with caplog.at_level(logging.ERROR, logger="fontTools"):
        opened = TTFont(BytesIO(font), checkChecksums=2)
        for table in ("glyf", "head", "hhea", "hmtx", "loca", "maxp"):
            assert opened[table] is not None
    return opened


@settings(max_examples=30, deadline=None)
@given(texts, st.sampled_from(FILES))
def test_a_subset_is_a_font(files: dict[str, FontFile], text: str, name: str) -> None:
    """Given any text, when its characters are put together to a font, then it says of itself what is so."""
    file = files[name]
    subset = FontSubset(file)
    text = "".join(filter(file.characters.__contains__, text))
    encoded = subset.encoded(text)
    font = TTFont(BytesIO(subset.truetype()), checkChecksums=2)
    assert font["maxp"].numGlyphs == len(set(text)) + 1
    order = font.getGlyphOrder()
    told = dict(subset.unicode)
    codes = [int(encoded[i : i + 4], 16) for i in range(1, len(encoded) - 1, 4)]
    assert "".join(told[code] for code in codes) == text
    for code, char in told.items():
        assert font["hmtx"].metrics[order[code]][0] == file.advances[char] == subset.widths[code]
    stated = vars(font["maxp"]).copy()
    font["maxp"].recalc(font)
    assert vars(font["maxp"]) == stated
    assert [font["hhea"].advanceWidthMax] == [max(subset.widths)]


def test_a_letter_has_the_outline_of_its_font(
    files: dict[str, FontFile], fonts: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Given letters with and without accents, when embedded, then they are drawn as the font draws them."""
    source = TTFont(fonts / "NotoSans-Regular.ttf")
    subset = FontSubset(files["NotoSans-Regular"])
    subset.encoded("Aagö ßÉ€№ﬁ".replace("ﬁ", "fi"))
    embedded = read(subset.truetype(), caplog)
    for code, char in subset.unicode:
        name = embedded.getGlyphOrder()[code]
        assert drawn(embedded, name) == drawn(source, source.getBestCmap()[ord(char)])
    assert drawn(embedded, ".notdef" if ".notdef" in embedded.getGlyphOrder() else "glyph00000") == drawn(
        source, ".notdef"
    )


def test_a_character_beyond_sixteen_bits_can_be_copied(files: dict[str, FontFile]) -> None:
    """Given an ideograph beyond 16 bits, when embedded, then its code tells which one it is."""
    file = files["NotoSansJP-Regular"]
    char = max(file.characters)
    assert ord(char) > 0xFFFF
    pdf = PdfFile("a4", title="", author="", language="ja", created=ISSUED)
    name, subset = pdf.embed_font(file)
    pdf.put_page(f"BT {name} 20 Tf 100 100 Td {subset.encoded(char)} Tj ET")
    assert PdfReader(BytesIO(pdf.finished())).pages[0].extract_text() == char


def test_fpdf2_embeds_a_prepared_font(files: dict[str, FontFile], caplog: pytest.LogCaptureFixture) -> None:
    """Given two fonts, when fpdf2 writes the file, then both are in it, whole, and text can be read.

    It fails when an upgrade of fpdf2 moves what billing.adapters.pdf.file replaces.
    """
    pdf = PdfFile("letter", title="Größe", author="Acme", language="de", created=ISSUED)
    regular, one = pdf.embed_font(files["NotoSans-Regular"])
    bold, other = pdf.embed_font(files["NotoSans-Bold"])
    for _ in range(2):
        pdf.put_page(
            f"BT {regular} 9 Tf 50 700 Td {one.encoded('Grüße')} Tj {bold} 9 Tf {other.encoded('!')} Tj ET"
        )
    content = pdf.finished()
    reader = PdfReader(BytesIO(content))
    assert [page.extract_text() for page in reader.pages] == ["Grüße!", "Grüße!"]
    embedded: Any = reader.pages[0]["/Resources"]["/Font"]  # type: ignore[index]
    assert list(embedded) == [regular, bold]
    for name, subset in ((regular, one), (bold, other)):
        descendant = embedded[name]["/DescendantFonts"][0].get_object()
        descriptor = descendant["/FontDescriptor"]
        assert embedded[name]["/BaseFont"] == descendant["/BaseFont"] == descriptor["/FontName"]
        assert descendant["/W"] == [0, subset.widths]
        program = descriptor["/FontFile2"]
        assert program["/Length1"] == len(program.get_data())
        assert len(read(program.get_data(), caplog).getGlyphOrder()) == len(subset.widths)
    names = {font["/BaseFont"] for font in embedded.values()}
    assert len({str(name)[1:7] for name in names}) == 2
    document = pypdfium2.PdfDocument(content)
    assert document[0].get_textpage().get_text_bounded() == "Grüße!"
    document.close()


def test_widths_are_those_of_the_fonts(fonts: Path, files: dict[str, FontFile]) -> None:
    """Given a text in two scripts, when measured, then each character counts in the font that draws it."""
    faces = Typefaces(fonts)
    sans, japanese = files["NotoSans-Bold"], files["NotoSansJP-Regular"]
    width = sum(map(sans.advances.__getitem__, "Ab 1")) + sum(map(japanese.advances.__getitem__, "請求"))
    assert faces.width("Ab 請求1", bold=True) == width / 1000
    assert [text for _, text in faces.runs("Ab 請求1", bold=True)] == ["Ab ", "請求", "1"]


def test_a_character_that_no_font_has_has_no_width(fonts: Path) -> None:
    """Given a character of no font, when measured, then that is an error and no guess."""
    with pytest.raises(KeyError):
        Typefaces(fonts).width("\N{PILE OF POO}", bold=False)
