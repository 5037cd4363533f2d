"""Instants and periods of PostgreSQL's columns."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from billing.domain.periods import Period

if TYPE_CHECKING:
    from datetime import datetime


def utc(moment: datetime) -> datetime:
    """Return the instant in UTC, whatever timezone the session shows it in."""
    return moment.astimezone(UTC)


def utc_or_none(moment: datetime | None) -> datetime | None:
    """Return the instant in UTC, None for NULL."""
    return None if moment is None else utc(moment)


def instant_or_none(moment: datetime | None) -> str | None:
    """Return the instant as JSON has it, None for none."""
    return None if moment is None else moment.isoformat()


def period(start: datetime, end: datetime) -> Period:
    """Return the half-open period of two columns."""
    return Period(utc(start), utc(end))
