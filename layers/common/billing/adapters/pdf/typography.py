"""Text cut into lines, and lines put together to blocks and pages; sizes in millimetres."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

POINT = 25.4 / 72
"""In millimetres."""
_LEADING = 1.4  # both fonts' ascent and descent fit

# A word with the spaces behind it, or one ideograph or kana with the closing marks that may not
# begin a line (the core of JIS X 4051).
_WIDE = "\u2e80-\u2fff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f"
_CLOSING = "\u3001\u3002\u30fb\u30fc\u300d\u300f\u3011\uff01\uff09\uff0c\uff0e\uff1a\uff1b\uff1f)\\].,!?%"
_TOKEN = re.compile(f"[{_WIDE}][{_CLOSING}]* *|[^ {_WIDE}]+ *| +")
_HELD = ("\N{NO-BREAK SPACE}", "\N{NARROW NO-BREAK SPACE}")
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Style:
    """How text looks; `size` is in points, `grey` from 0 (black) to 255."""

    size: float = 9
    bold: bool = False
    grey: int = 30
    alert: bool = False
    accent: bool = False

    @property
    def height(self) -> float:
        """The height of one line."""
        return self.size * POINT * _LEADING


class Ruler(Protocol):
    """Measures text in the fonts it will be drawn with."""

    def printable(self, text: str) -> str:
        """Return the text with only what the fonts can draw, and line feeds."""
        ...

    def width(self, text: str, style: Style) -> float:
        """Return the width of a line."""
        ...


@dataclass(frozen=True, slots=True)
class Cell:
    """One line of text in a column."""

    x: float
    width: float
    text: str
    style: Style
    right: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """Cells side by side, with space and perhaps a rule above; a picture stands at the left margin."""

    cells: tuple[Cell, ...]
    height: float
    above: float = 0
    rule: tuple[float, float] | None = None  # from x, to x
    picture: tuple[float, float] | None = None  # width, height


@dataclass(frozen=True, slots=True)
class Block:
    """Rows that stay on one page if they fit on one.

    `by_column` tells the order of reading: down each column, or along each row.
    """

    rows: tuple[Row, ...]
    by_column: bool = True

    @property
    def height(self) -> float:
        """The height of all rows."""
        return sum(row.above + row.height for row in self.rows)


@dataclass(frozen=True, slots=True)
class Column:
    """Where a column stands; the text of its cells is wrapped to its width."""

    x: float
    width: float
    right: bool = False


@dataclass(slots=True)
class Pages:
    """Fills pages with blocks from the top; `running` stands on top of every page but the first."""

    height: float
    running: Block
    placed: list[list[tuple[float, Block]]] = field(default_factory=lambda: [[]])
    _y: float = 0

    def put_together(self, *blocks: Block, reserve: float = 0) -> None:
        """Place blocks on one page if they fit on one, with `reserve` left below them."""
        if self._y + sum(block.height for block in blocks) + reserve > self.height:
            self._turn(None)
        for block in blocks:
            self.put(block)

    def put(
        self,
        block: Block,
        heading: Block | None = None,
        *,
        reserve: float = 0,
        carry: Callable[[], tuple[Block, Block]] | None = None,
    ) -> None:
        """Place a block with `reserve` below it; a page that begins within a table begins with `heading`.

        `carry` gives what ends the page that is left, and what follows the heading on the next one. Only
        below a block longer than a page may there be no room for the former.
        """
        if self._y + block.height + reserve > self.height:
            carried, brought = (None, None) if carry is None else carry()
            if carried is not None and self._y + carried.height <= self.height:
                self.placed[-1].append((self._y, carried))
            self._turn(heading, brought)
        for part in self._parts(block, heading):
            self.placed[-1].append((self._y, part))
            self._y += part.height

    def _parts(self, block: Block, heading: Block | None) -> Iterator[Block]:
        if self._y + block.height <= self.height:
            yield block
            return
        rows: list[Row] = []
        space = self.height - self._y
        for row in block.rows:
            if rows and sum(r.above + r.height for r in (*rows, row)) > space:
                yield Block(tuple(rows), block.by_column)
                self._turn(heading)
                rows, space = [], self.height - self._y
            rows.append(row)
        yield Block(tuple(rows), block.by_column)

    def _turn(self, *headings: Block | None) -> None:
        self.placed.append([])
        self._y = 0
        for block in (self.running, *headings):
            if block is not None:
                self.placed[-1].append((self._y, block))
                self._y += block.height


def wrap(text: str, width: float, style: Style, ruler: Ruler) -> list[str]:
    """Return the lines of printable text, each within `width`; a longer word is cut, never lost."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        if ruler.width(paragraph, style) <= width + _ROUNDING:
            lines.append(paragraph)
        else:
            lines += _filled(paragraph, width, style, ruler)
    return lines


def _filled(paragraph: str, width: float, style: Style, ruler: Ruler) -> Iterator[str]:
    line = ""
    for word in _TOKEN.findall(paragraph):
        if ruler.width((line + word).rstrip(" "), style) <= width + _ROUNDING:
            line += word
            continue
        if line.strip(" "):
            yield line.rstrip(" ")
        line = word
        while ruler.width(line.rstrip(" "), style) > width + _ROUNDING:
            fits = _fitting(line, width, style, ruler)
            # Rather at a space that should not be broken than within a number or a name.
            held = max(line.rfind(space, 1, fits + 1) for space in _HELD)
            yield line[: held if held > 0 else fits]
            line = line[held + 1 if held > 0 else fits :]
    if line.strip(" "):
        yield line.rstrip(" ")


def _fitting(word: str, width: float, style: Style, ruler: Ruler) -> int:
    end = 1
    while end < len(word) and ruler.width(word[: end + 1], style) <= width + _ROUNDING:
        end += 1
    return end


def rows(
    columns: Sequence[Column],
    texts: Sequence[tuple[str, Style]],
    ruler: Ruler,
    *,
    above: float = 0,
) -> list[Row]:
    """Return the rows of texts side by side, each wrapped within its column."""
    wrapped = [
        wrap(ruler.printable(text), column.width, style, ruler) if text else []
        for column, (text, style) in zip(columns, texts, strict=True)
    ]
    height = max(style.height for _, style in texts)
    return [
        Row(
            cells=tuple(
                Cell(column.x, column.width, lines[i], style, column.right)
                for column, (_, style), lines in zip(columns, texts, wrapped, strict=True)
                if i < len(lines) and lines[i]
            ),
            height=height,
            above=above if i == 0 else 0,
        )
        for i in range(max(len(lines) for lines in wrapped))
    ]
