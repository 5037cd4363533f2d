"""The order in which characters stand on a line, from left to right (Unicode Standard Annex 9)."""

from __future__ import annotations

import re

from fpdf.bidi import BidiParagraph

_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
# What is drawn the other way round between right-to-left letters (rule L4).
_MIRRORED = str.maketrans(
    "()[]{}<>\N{LEFT-POINTING DOUBLE ANGLE QUOTATION MARK}\N{RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK}",
    ")(][}{><\N{RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK}\N{LEFT-POINTING DOUBLE ANGLE QUOTATION MARK}",
)


def visual(line: str) -> str:
    """Return the characters of a line from left to right; its first letter tells which way it runs."""
    if line.isascii() or not _RIGHT_TO_LEFT.search(line):
        return line
    return "".join(
        placed.character.translate(_MIRRORED) if placed.embedding_level % 2 else placed.character
        for placed in BidiParagraph(line).get_reordered_characters()
    )
