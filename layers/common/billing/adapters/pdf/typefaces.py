"""Which font draws a character, and how wide that is; read once per process, the same for every document."""

from __future__ import annotations

from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING
from unicodedata import category, is_normalized

from billing.adapters.pdf.fonts import FontFile
from billing.adapters.pdf.truetype import UNITS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Regular and bold; without a bold file the regular one stands in. A character is looked for in this order; a
# file is read when a document has a character that those before it lack.
_FACES = (
    ("NotoSans-Regular.glyphs", "NotoSans-Bold.glyphs"),
    ("Heebo-Regular.glyphs", "Heebo-Bold.glyphs"),
    ("NotoSansJP-Regular.glyphs", "NotoSansJP-Regular.glyphs"),
)


class Typefaces:
    """The prepared fonts in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, FontFile] = {}
        self._advances = {bold: _Advances(self, bold=bold) for bold in (False, True)}

    @cached_property
    def ordinary(self) -> frozenset[str]:
        """Characters of the first font that are drawn as they are, whatever stands beside them."""
        characters = self._file(_FACES[0][0]).characters
        return frozenset(
            char
            for char in characters
            if (category(char)[0] in "LNPS" or category(char) == "Zs") and is_normalized("NFC", char)
        )

    def cover(self, char: str) -> bool:
        """Return whether a font draws the character."""
        return self.of(char, bold=False) is not None

    def of(self, char: str, *, bold: bool) -> FontFile | None:
        """Return the font that draws the character, None if there is none."""
        for face in _FACES:
            file = self._file(face[bold])
            if char in file.characters:
                return file
        return None

    def width(self, text: str, *, bold: bool) -> float:
        """Return the width of a text that the fonts can draw, in font sizes."""
        return sum(map(self._advances[bold].__getitem__, text)) / UNITS

    def runs(self, text: str, *, bold: bool) -> Iterator[tuple[FontFile, str]]:
        """Yield the parts of a text and the font that draws each."""
        first = self._file(_FACES[0][bold])
        if first.characters.issuperset(text):
            yield first, text
            return
        for file, chars in groupby(text, lambda char: self.of(char, bold=bold)):
            if file is not None:
                yield file, "".join(chars)

    def _file(self, name: str) -> FontFile:
        if name not in self._files:
            self._files[name] = FontFile(self._folder / name)
        return self._files[name]


class _Advances(dict[str, int]):
    def __init__(self, faces: Typefaces, *, bold: bool) -> None:
        super().__init__()
        self._faces = faces
        self._bold = bold

    def __missing__(self, char: str) -> int:
        file = self._faces.of(char, bold=self._bold)
        if file is None:
            raise KeyError(char)
        self[char] = advance = file.advances[char]
        return advance
