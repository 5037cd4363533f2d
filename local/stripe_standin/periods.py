"""Billing periods of a subscription, from its anchor, as Stripe counts them (the 31st becomes the 28th)."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime

_SECONDS = {"day": 86_400, "week": 604_800}
_MONTHS = {"month": 1, "year": 12}


def boundary(anchor: int, interval: str, count: int, number: int) -> int:
    """Return when the period `number` (0 starts at the anchor) of `count` intervals starts."""
    if interval in _SECONDS:
        return anchor + _SECONDS[interval] * count * number
    start = datetime.fromtimestamp(anchor, UTC)
    month = start.year * 12 + start.month - 1 + _MONTHS[interval] * count * number
    year, month = divmod(month, 12)
    day = min(start.day, calendar.monthrange(year, month + 1)[1])
    return int(start.replace(year=year, month=month + 1, day=day).timestamp())


def current(anchor: int, interval: str, count: int, now: int) -> tuple[int, int]:
    """Return the half-open period that holds `now`, the first one if `now` lies before the anchor."""
    number = 0
    while boundary(anchor, interval, count, number + 1) <= now:
        number += 1
    return boundary(anchor, interval, count, number), boundary(anchor, interval, count, number + 1)
