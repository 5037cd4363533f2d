"""How values are written in XML."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal

# XML 1.0, section 2.2: what is not a Char cannot be written, not even as a reference. A regular expression of
# these takes 7 ms to compile.
_NO_CHARACTER = (*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF)
_REPLACED = dict.fromkeys(_NO_CHARACTER, "\N{REPLACEMENT CHARACTER}")


def written_text(text: str | None) -> str:
    """Return the text without what XML cannot hold and without space around it, empty for none."""
    return (text or "").translate(_REPLACED).strip()


def written_amount(amount: Decimal) -> str:
    """Return the amount with two decimals."""
    return format(amount, ".2f")


def written_number(number: Decimal) -> str:
    """Return plain digits without trailing zeros: XML Schema's decimal has no exponent."""
    digits = format(number, "f")
    return digits.rstrip("0").rstrip(".") if "." in digits else digits
