"""Instants are UTC; a period is half-open: [start, end)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache


# The lines of an invoice repeat a few instants.
@lru_cache(1024)
def instant(seconds: int) -> datetime:
    """Return the UTC instant of a Unix time in whole seconds, as Stripe counts them."""
    return datetime.fromtimestamp(seconds, UTC)


@dataclass(frozen=True, slots=True)
class Period:
    """A half-open span of UTC time; empty when start and end are equal, as on Stripe's one-off lines.

    Raises
    ------
    ValueError
        An end is not in UTC, or the end lies before the start.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if not (_is_utc(self.start) and _is_utc(self.end)):
            raise ValueError("a period is counted in UTC")
        if self.end < self.start:
            raise ValueError("a period ends before it starts")

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end


def _is_utc(moment: datetime) -> bool:
    return moment.tzinfo is UTC or moment.utcoffset() == timedelta(0)
