# ruff: noqa: INP001 - a script that the Makefile beside it runs
"""Makes the fonts of the invoice from the pinned packages of fonts.txt: `build_fonts.py OUTPUT_FOLDER`.

Reading a font and cutting it down to the glyphs of one document was most of what a drawing cost, so that is
done here as far as it can be: a `.glyphs` file (layout below, read by billing.adapters.pdf.fonts) holds each
character's advance and its finished TrueType outline, which a document's own font is put together from.

Text is set one character at a time without shaping, so layout tables and hinting are dropped. Devanagari
goes too, because without shaping it would be drawn wrong, which is worse than being reported as missing.

    4 bytes   length of the header, little-endian as everything here
    header    JSON: name, units of the whole font, and how many characters there are (n)
    4 n       the characters, rising; the first is 0, whose outline stands for a missing one
    2 n       their advances, in thousandths of the font's size
    4 n + 4   where their outlines begin, and where the last ends
    ...       the outlines, as in a `glyf` table
"""

from __future__ import annotations

import json
import sys
from array import array
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.filterPen import DecomposingFilterPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from fontTools.ttLib.scaleUpem import scale_upem
from fontTools.varLib.instancer import instantiateVariableFont

_NEEDS_SHAPING = (range(0x0900, 0x0980), range(0x1CD0, 0x1D00), range(0xA830, 0xA840), range(0xA8E0, 0xA900))
# ASCII, Latin-1, Latin Extended-A, comma-below letters of Romanian, punctuation and spaces, currency signs,
# the numero and trade mark signs, minus, and what stands for a missing character.
_EUROPE = (
    range(0x0020, 0x0180),
    range(0x0218, 0x021C),
    range(0x2000, 0x2060),
    range(0x20A0, 0x20D0),
    range(0x2116, 0x2117),
    range(0x2122, 0x2123),
    range(0x2212, 0x2213),
    range(0xFFFD, 0xFFFE),
)
# Letters and punctuation; points need shaping.
_HEBREW = (range(0x05BE, 0x05BF), range(0x05D0, 0x05F5))
_ONLY_FOR_SHAPING = ["GSUB", "GPOS", "GDEF", "BASE", "VORG", "vhea", "vmtx", "DSIG", "gasp"]
_UNITS = 1000
_LIMIT = 1.0
"""How far, in thousandths, an outline may leave the one it is made from: cubic ones become quadratic."""


def build(target: Path, truetype: Path | None = None) -> None:
    """Write NotoSans and Heebo in two weights and NotoSansJP-Regular to the folder `target`.

    `truetype` is where the regular NotoSans goes as an ordinary font of European Latin letters as well: what
    the bench's floor draws with.
    """
    target.mkdir(parents=True, exist_ok=True)
    sans, japanese = _package("fontpkg_noto_sans"), _package("pylopdf_fonts_jp")
    hebrew = _package("fontpkg_heebo")
    variable = next((sans / "files").glob("NotoSans[[]*.ttf"))
    for style, weight in (("Regular", 400), ("Bold", 700)):
        font = TTFont(variable, recalcTimestamp=False)
        _keep(font, [c for c in font.getBestCmap() if not any(c in r for r in _NEEDS_SHAPING)])
        fixed = instantiateVariableFont(
            font, {"wght": weight, "wdth": 100}, inplace=True, updateFontNames=True
        )
        _write(fixed, target / f"NotoSans-{style}.glyphs")
        font = TTFont(hebrew / "files" / "Heebo[wght].ttf", recalcTimestamp=False)
        _keep(font, [c for c in font.getBestCmap() if any(c in r for r in _HEBREW)])
        instantiateVariableFont(font, {"wght": weight}, inplace=True, updateFontNames=True)
        scale_upem(font, _UNITS)
        _write(font, target / f"Heebo-{style}.glyphs")
        if truetype is not None and style == "Regular":
            _keep(fixed, [c for c in fixed.getBestCmap() if any(c in r for r in _EUROPE)])
            fixed.save(truetype)
    _write(TTFont(japanese / "NotoSansJP-Regular.otf"), target / "NotoSansJP-Regular.glyphs")


def _package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{name} is not installed: see layers/pdf/fonts.txt")
    return Path(spec.origin).parent


def _keep(font: TTFont, codes: list[int]) -> None:
    options = Options(hinting=False, layout_features=[], notdef_outline=True, name_IDs=["*"])
    options.drop_tables += _ONLY_FOR_SHAPING
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=codes)
    subsetter.subset(font)


def _write(font: TTFont, target: Path) -> None:
    if font["head"].unitsPerEm != _UNITS:
        raise SystemExit(f"{target.name}: its em is not of {_UNITS} units")
    glyphs = font.getGlyphSet()
    names = {0: ".notdef", **{code: name for code, name in font.getBestCmap().items() if code}}
    outlines = [_outline(glyphs, names[code], cubic="CFF " in font) for code in sorted(names)]
    starts, end = array("I"), 0
    for outline in outlines:
        starts.append(end)
        end += len(outline)
    starts.append(end)
    codes = array("I", sorted(names))
    advances = array("H", [round(glyphs[names[code]].width) for code in codes])
    header = json.dumps(_header(font, len(codes)), sort_keys=True).encode()
    if sys.byteorder == "big":
        for numbers in (codes, advances, starts):
            numbers.byteswap()
    size = len(header).to_bytes(4, "little")
    tables = (numbers.tobytes() for numbers in (codes, advances, starts))
    target.write_bytes(b"".join((size, header, *tables, *outlines)))


def _outline(glyphs: Any, name: str, *, cubic: bool) -> bytes:
    """Return the glyph by itself, padded: an accented letter with the outlines that it is made of."""
    pen = TTGlyphPen(None)
    glyphs[name].draw(
        Cu2QuPen(pen, _LIMIT, reverse_direction=True) if cubic else DecomposingFilterPen(pen, glyphs)
    )
    outline: bytes = pen.glyph().compile(None)
    return outline + b"\0" * (-len(outline) % 4)


def _header(font: TTFont, characters: int) -> dict[str, object]:
    head, hhea, os2 = font["head"], font["hhea"], font["OS/2"]
    return {
        "name": font["name"].getBestFullName().replace(" ", ""),
        "characters": characters,
        "ascent": hhea.ascent,
        "descent": hhea.descent,
        "cap_height": os2.sCapHeight,
        "box": [head.xMin, head.yMin, head.xMax, head.yMax],
        "weight": os2.usWeightClass,
    }


if __name__ == "__main__":
    build(Path(sys.argv[1]), Path(sys.argv[2]) if sys.argv[2:] else None)
