"""How values are written in XML."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal

# XML 1.0, section 2.2: what is not a Char cannot be written, not even as a reference.
_NO_CHARACTER = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def written_text(text: str | None) -> str:
    """Return the text without what XML cannot hold and without space around it, empty for none."""
    return _NO_CHARACTER.sub("\N{REPLACEMENT CHARACTER}", text or "").strip()


def written_amount(amount: Decimal) -> str:
    """Return the amount with two decimals."""
    return format(amount, ".2f")


def written_number(number: Decimal) -> str:
    """Return plain digits without trailing zeros: XML Schema's decimal has no exponent."""
    digits = format(number, "f")
    return digits.rstrip("0").rstrip(".") if "." in digits else digits
