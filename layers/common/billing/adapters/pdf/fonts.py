"""Fonts as layers/pdf/build_fonts.py prepares them, and the part of one that a document embeds.

A file is read once per process; what a document adds is its own, so it does not show what was drawn before.
"""

from __future__ import annotations

import hashlib
import json
import mmap
from array import array
from sys import byteorder
from typing import TYPE_CHECKING

from billing.adapters.pdf.truetype import Metrics, truetype

if TYPE_CHECKING:
    from pathlib import Path


class FontFile:
    """A prepared font; its outlines stay on disk until they are drawn with."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        size = int.from_bytes(self._content[:4], "little")
        header = json.loads(self._content[4 : 4 + size])
        characters = header.pop("characters")
        self.metrics = Metrics(**{**header, "box": tuple(header["box"])})
        codes_at = 4 + size
        advances_at = codes_at + 4 * characters
        starts_at = advances_at + 2 * characters
        self._starts = self._numbers("I", starts_at, characters + 1)
        self._outlines_at = starts_at + 4 * (characters + 1)
        codes = [*map(chr, self._numbers("I", codes_at, characters))]
        self._places = dict(zip(codes, range(characters), strict=True))
        self.advances = dict(zip(codes, self._numbers("H", advances_at, characters), strict=True))
        """By character, in thousandths of the font's size."""
        self.characters = frozenset(codes[1:])

    def outline(self, char: str) -> bytes:
        """Return the character's glyph as in a `glyf` table, a multiple of 4 bytes.

        Raises
        ------
        KeyError
            The font does not have the character.
        """
        place = self._places[char]
        start, end = self._starts[place], self._starts[place + 1]
        return self._content[self._outlines_at + start : self._outlines_at + end]

    def _numbers(self, kind: str, start: int, count: int) -> array[int]:
        numbers = array(kind)
        numbers.frombytes(self._content[start : start + count * numbers.itemsize])
        if byteorder == "big":
            numbers.byteswap()
        return numbers


class _Glyphs(dict[int, int]):
    """The number of each character's glyph, given in the order in which characters come."""

    def __missing__(self, code: int) -> int:
        self[code] = number = len(self)
        return number


class FontSubset:
    """The characters of a font that one document uses; the same in the same order give the same bytes."""

    def __init__(self, file: FontFile) -> None:
        self._file = file
        self._glyphs = _Glyphs({0: 0})

    def encoded(self, text: str) -> str:
        """Return the text as a hexadecimal string of glyph numbers, and keep its characters."""
        return f"<{text.translate(self._glyphs).encode('utf-16-be').hex()}>"

    @property
    def metrics(self) -> Metrics:
        """What holds of the whole font."""
        return self._file.metrics

    @property
    def name(self) -> str:
        """The font's name behind six letters that tell this subset from others (ISO 32000-1, 9.6.4)."""
        digest = hashlib.sha256(self._characters.encode()).digest()
        tag = "".join(chr(ord("A") + byte % 26) for byte in digest[:6])
        return f"{tag}+{self._file.metrics.name}"

    @property
    def widths(self) -> list[int]:
        """The advance of each glyph."""
        return [self._file.advances[char] for char in self._characters]

    @property
    def unicode(self) -> list[tuple[int, str]]:
        """The number of each glyph and the character that it stands for."""
        return [(number, chr(code)) for code, number in self._glyphs.items() if code]

    def truetype(self) -> bytes:
        """Return a TrueType font of these glyphs, with the tables that a PDF needs."""
        outlines = [self._file.outline(char) for char in self._characters]
        return truetype(self._file.metrics, outlines, self.widths)

    @property
    def _characters(self) -> str:
        return "".join(map(chr, self._glyphs))
