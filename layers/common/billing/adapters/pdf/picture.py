"""A picture that a PDF can hold as it is: no library decodes it, so none has to be in the layer.

That is so for JPEG, and for PNG without transparency: a PDF's filters are theirs (ISO 32000-1, 7.4.4.4 and
7.4.8).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_BYTES = 100_000
"""Of a file: every PDF carries it."""
MOST_PIXELS = 4000
"""On a side."""

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_GREY, _RGB, _PALETTE = 0, 2, 3
_BITS = 8
# Start of frame: baseline, extended and progressive Huffman; readers of PDF know no others.
_FRAMES = (0xC0, 0xC1, 0xC2)
_ALONE = (0x01, *range(0xD0, 0xD8))
_SCAN = 0xDA


class PictureError(Exception):
    """A picture cannot be used; the message says why, in words that follow "it"."""


@dataclass(frozen=True, slots=True)
class Picture:
    """The stream of an image and what a PDF says of it; `width` and `height` are in pixels.

    `sha256` is of the file.
    """

    width: int
    height: int
    sha256: str
    content: bytes = field(repr=False)
    entries: tuple[tuple[str, str], ...] = field(repr=False)


def read_picture(file: bytes) -> Picture:
    """Return the picture of a PNG or JPEG file.

    Raises
    ------
    PictureError
        It is neither, too large, damaged, or of a kind that a PDF cannot hold as it is.
    """
    if len(file) > MOST_BYTES:
        raise PictureError(f"has more than {MOST_BYTES // 1000} kB")
    try:
        if file.startswith(_PNG):
            picture = _png(file)
        elif file.startswith(_JPEG):
            picture = _jpeg(file)
        else:
            raise PictureError("is neither a PNG nor a JPEG file")
    except (IndexError, ValueError):
        raise PictureError("is damaged") from None
    if not 0 < picture.width <= MOST_PIXELS or not 0 < picture.height <= MOST_PIXELS:
        raise PictureError(f"is not 1 to {MOST_PIXELS} pixels wide and high")
    return picture


def _png(file: bytes) -> Picture:
    chunks: dict[bytes, list[bytes]] = {}
    for kind, data in _chunks(file):
        chunks.setdefault(kind, []).append(data)
    if b"IHDR" not in chunks or b"IDAT" not in chunks or b"IEND" not in chunks:
        raise PictureError("is damaged")
    header = chunks[b"IHDR"][0]
    width, height = int.from_bytes(header[:4]), int.from_bytes(header[4:8])
    bits, kind_of_color, interlaced = header[8], header[9], header[12]
    if kind_of_color not in (_GREY, _RGB, _PALETTE) or b"tRNS" in chunks:
        raise PictureError("is transparent: save it on white, without an alpha channel")
    if interlaced:
        raise PictureError("is interlaced: save it without")
    if bits > _BITS:
        raise PictureError("has more than 8 bits per channel")
    color = {_GREY: "/DeviceGray", _RGB: "/DeviceRGB"}.get(kind_of_color)
    if color is None:
        palette = chunks[b"PLTE"][0] if b"PLTE" in chunks else b""
        if not palette or len(palette) % 3:
            raise PictureError("is damaged")
        color = f"[/Indexed /DeviceRGB {len(palette) // 3 - 1} <{palette.hex()}>]"
    colors = 3 if kind_of_color == _RGB else 1
    parameters = f"<</Predictor 15 /Colors {colors} /BitsPerComponent {bits} /Columns {width}>>"
    entries = (
        ("color_space", color),
        ("bits_per_component", str(bits)),
        ("filter", "/FlateDecode"),
        ("decode_parms", parameters),
    )
    return _picture(file, width, height, b"".join(chunks[b"IDAT"]), entries)


def _chunks(file: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_PNG)
    while at < len(file):
        size, kind = int.from_bytes(file[at : at + 4]), file[at + 4 : at + 8]
        data = file[at + 8 : at + 8 + size]
        if len(data) != size:
            raise PictureError("is damaged")
        yield kind, data
        at += size + 12


def _jpeg(file: bytes) -> Picture:
    at = 2
    while True:
        while file[at] == 0xFF:  # noqa: PLR2004 - what a marker begins with
            at += 1
        marker = file[at]
        at += 1
        if marker in _ALONE:
            continue
        size = int.from_bytes(file[at : at + 2])
        if marker in _FRAMES:
            break
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # noqa: PLR2004 - the other frames
            raise PictureError("is a JPEG of a kind that PDFs cannot hold: save it as baseline")
        if marker == _SCAN or size < 2:  # noqa: PLR2004 - a size counts itself
            raise PictureError("is damaged")
        at += size
    bits, height, width = (
        file[at + 2],
        int.from_bytes(file[at + 3 : at + 5]),
        int.from_bytes(file[at + 5 : at + 7]),
    )
    color = {1: "/DeviceGray", 3: "/DeviceRGB"}.get(file[at + 7])
    if color is None or bits != _BITS:
        raise PictureError("is not in RGB or grey with 8 bits per channel")
    entries = (("color_space", color), ("bits_per_component", "8"), ("filter", "/DCTDecode"))
    return _picture(file, width, height, file, entries)


def _picture(
    file: bytes, width: int, height: int, content: bytes, entries: tuple[tuple[str, str], ...]
) -> Picture:
    return Picture(width, height, hashlib.sha256(file).hexdigest(), content, entries)
