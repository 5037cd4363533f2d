"""The small shapes that every answer is made of, JSON-ready.

Times are RFC 3339 in UTC, money is integer minor units with its currency, numbers that may be fractions are
decimal strings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from billing.domain.money import Money
    from billing.domain.periods import Period

    type Json = dict[str, object]


def money(found: Money) -> Json:
    """Return an amount with its currency."""
    return {"amount": found.amount, "currency": found.currency}


def optional_money(found: Money | None) -> Json | None:
    """Return an amount with its currency, None for none."""
    return None if found is None else money(found)


def period(found: Period) -> Json:
    """Return where a period starts and ends."""
    return {"start": time(found.start), "end": time(found.end)}


def time(moment: datetime) -> str:
    """Return an instant with a Z."""
    return moment.isoformat().replace("+00:00", "Z")


def optional_time(moment: datetime | None) -> str | None:
    """Return an instant with a Z, None for none."""
    return None if moment is None else time(moment)


def decimal(number: Decimal) -> str:
    """Return plain digits without trailing zeros, so that a value reads the same however it was stored."""
    digits = f"{number:f}"
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def optional_decimal(number: Decimal | None) -> str | None:
    """Return plain digits without trailing zeros, None for none."""
    return None if number is None else decimal(number)
