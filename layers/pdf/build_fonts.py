# ruff: noqa: INP001 - a script that the Makefile beside it runs
"""Makes the fonts of the invoice from the pinned packages of fonts.txt: `build_fonts.py OUTPUT_FOLDER`.

Noto Sans is cut in two, because fpdf2 reads a font anew for every document: what European languages of
Latin script are written in, and everything else.

The renderer sets text one character at a time without shaping, so layout tables and hinting are
dead weight: fpdf2 would read them anew for every document. Devanagari goes too, because without
shaping it would be drawn wrong, which is worse than being reported as missing.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
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
_ONLY_FOR_SHAPING = ["GSUB", "GPOS", "GDEF", "BASE", "VORG", "vhea", "vmtx", "DSIG", "gasp"]


def build(target: Path) -> None:
    """Write NotoSans and NotoSansMore in two weights, and NotoSansJP-Regular.otf, to the folder `target`."""
    target.mkdir(parents=True, exist_ok=True)
    sans, japanese = _package("fontpkg_noto_sans"), _package("pylopdf_fonts_jp")
    for style, weight in (("Regular", 400), ("Bold", 700)):
        for name, europe in (("NotoSans", True), ("NotoSansMore", False)):
            font = TTFont(next((sans / "files").glob("NotoSans[[]*.ttf")), recalcTimestamp=False)
            _keep_readable(font, europe=europe)
            fixed = instantiateVariableFont(font, {"wght": weight, "wdth": 100}, updateFontNames=True)
            fixed.save(target / f"{name}-{style}.ttf")
    font = TTFont(japanese / "NotoSansJP-Regular.otf", recalcTimestamp=False)
    for tag in _ONLY_FOR_SHAPING:
        if tag in font:
            del font[tag]
    font.save(target / "NotoSansJP-Regular.otf")


def _package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{name} is not installed: see layers/pdf/fonts.txt")
    return Path(spec.origin).parent


def _keep_readable(font: TTFont, *, europe: bool) -> None:
    options = Options(hinting=False, layout_features=[], notdef_outline=True, name_IDs=["*"])
    options.drop_tables += _ONLY_FOR_SHAPING
    subsetter = Subsetter(options)
    readable = [c for c in font.getBestCmap() if not any(c in r for r in _NEEDS_SHAPING)]
    subsetter.populate(unicodes=[c for c in readable if any(c in r for r in _EUROPE) is europe])
    subsetter.subset(font)


if __name__ == "__main__":
    build(Path(sys.argv[1]))
