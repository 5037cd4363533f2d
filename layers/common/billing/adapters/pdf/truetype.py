"""A TrueType font of some glyphs, with the tables that a PDF needs and no others (ISO 32000-1, 9.9)."""

from __future__ import annotations

import struct
from array import array
from itertools import accumulate
from sys import byteorder
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

UNITS = 1000
"""Of the em, in every prepared font: widths in a PDF are in thousandths too."""

_VERSION = 0x00010000
_MAGIC = 0x5F0F3CF5
_WHOLE_FONT = 0xB1B0AFBA
_ADJUSTMENT_AT = 8
_BASELINE_AND_BEARING_AT_0 = 3
_LONG_LOCA = 1
_NO_TWILIGHT = 2
_HEAD = ">IIIIHHQQhhhhHHhhh"
_HHEA = ">IhhhHhhhhhhQhH"
_MAXP = ">I14H"
_GLYPH = ">hhhhh"


class Metrics(NamedTuple):
    """What holds of a whole font, in thousandths of its size."""

    name: str
    ascent: int
    descent: int
    cap_height: int
    box: tuple[int, int, int, int]
    weight: int


def truetype(metrics: Metrics, outlines: Sequence[bytes], advances: Sequence[int]) -> bytes:
    """Return the font; outlines are simple glyphs of a multiple of 4 bytes, or empty, .notdef first."""
    boxes = [struct.unpack_from(_GLYPH, outline) if outline else (0,) * 5 for outline in outlines]
    glyphs = len(outlines)
    tables = {
        b"glyf": b"".join(outlines),
        b"head": struct.pack(
            _HEAD,
            *(_VERSION, _VERSION, 0, _MAGIC, _BASELINE_AND_BEARING_AT_0, UNITS, 0, 0),
            *metrics.box,
            *(0, 0, _NO_TWILIGHT, _LONG_LOCA, 0),
        ),
        b"hhea": struct.pack(
            _HHEA,
            *(_VERSION, metrics.ascent, metrics.descent, 0, max(advances)),
            min(left for _, left, *_ in boxes),
            min(advance - box[3] for advance, box in zip(advances, boxes, strict=True)),
            max(right for *_, right, _ in boxes),
            *(1, 0, 0, 0, 0, glyphs),
        ),
        b"hmtx": b"".join(
            struct.pack(">Hh", advance, box[1]) for advance, box in zip(advances, boxes, strict=True)
        ),
        b"loca": _unsigned(accumulate(map(len, outlines), initial=0)),
        b"maxp": struct.pack(
            _MAXP,
            *(_VERSION, glyphs, max(map(_points, outlines)), max(contours for contours, *_ in boxes)),
            *(0, 0, _NO_TWILIGHT, *(0,) * 8),
        ),
    }
    return _font(tables)


def _points(outline: bytes) -> int:
    if not outline:
        return 0
    contours = int.from_bytes(outline[:2])
    last = 10 + 2 * (contours - 1)
    return int.from_bytes(outline[last : last + 2]) + 1


def _font(tables: dict[bytes, bytes]) -> bytes:
    """Return the tables behind their directory, with the sums that a reader may check."""
    span = 16 << (len(tables).bit_length() - 1)
    directory = [
        struct.pack(">I4H", _VERSION, len(tables), span, span.bit_length() - 5, 16 * len(tables) - span)
    ]
    body: list[bytes] = []
    offset = 12 + 16 * len(tables)
    head_at = 0
    for name, table in tables.items():
        padded = table + b"\0" * (-len(table) % 4)
        directory.append(struct.pack(">4sIII", name, _sum(padded), offset, len(table)))
        body.append(padded)
        if name == b"head":
            head_at = offset
        offset += len(padded)
    font = bytearray(b"".join((*directory, *body)))
    adjustment = (_WHOLE_FONT - _sum(font)) & 0xFFFFFFFF
    struct.pack_into(">I", font, head_at + _ADJUSTMENT_AT, adjustment)
    return bytes(font)


def _sum(table: bytes | bytearray) -> int:
    words = array("I", table)
    if byteorder == "little":
        words.byteswap()
    return sum(words) & 0xFFFFFFFF


def _unsigned(numbers: accumulate[int]) -> bytes:
    words = array("I", numbers)
    if byteorder == "little":
        words.byteswap()
    return words.tobytes()
