"""What callers may ask of the list of invoices."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from billing.domain.invoices import InvoiceQuery, InvoiceStatus
from billing.entrypoints.parameters import STRIPE_ID, Fields, RefusedError

if TYPE_CHECKING:
    from billing.entrypoints.http import Request

_LIMIT = re.compile(r"[1-9][0-9]?|100", re.ASCII)
_CURRENCY = re.compile(r"[A-Za-z]{3}", re.ASCII)
# RFC 3339, section 5.6; the offset is not optional.
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,18}))?([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII
)
_MICROSECOND_DIGITS = 6


def invoice_query(request: Request) -> InvoiceQuery:
    """Return what the caller of GET invoices asks for.

    Raises
    ------
    InvalidParametersError
        A parameter is unknown, repeated or malformed, or the times are the wrong way round.
    """
    fields = Fields(
        request.raw_query,
        {"limit", "starting_after", "status", "created_from", "created_to", "currency"},
    )
    limit = fields.read("limit", _limit)
    starting_after = fields.read("starting_after", _cursor)
    status = fields.read("status", _status)
    created_from = fields.read("created_from", _time)
    created_to = fields.read("created_to", _time)
    currency = fields.read("currency", _currency)
    if created_from is not None and created_to is not None and created_to < created_from:
        fields.refuse("created_to", "lies before created_from")
    fields.check()
    default = InvoiceQuery()
    return InvoiceQuery(
        limit=default.limit if limit is None else limit,
        starting_after=starting_after,
        status=status,
        created_from=created_from,
        created_to=created_to,
        currency=currency,
    )


def _limit(text: str) -> int:
    if _LIMIT.fullmatch(text) is None:
        raise RefusedError("must be an integer from 1 to 100")
    return int(text)


def _cursor(text: str) -> str:
    if STRIPE_ID.fullmatch(text) is None:
        raise RefusedError("must be the id of an invoice")
    return text


def _status(text: str) -> InvoiceStatus:
    try:
        return InvoiceStatus(text)
    except ValueError:
        raise RefusedError(f"must be one of {', '.join(InvoiceStatus)}") from None


def _currency(text: str) -> str:
    if _CURRENCY.fullmatch(text) is None:
        raise RefusedError("must be three letters of ISO 4217")
    return text.lower()


def _time(text: str) -> datetime:
    """Return the instant in UTC, rounded up to whole microseconds.

    Rounding up is exact for both bounds: what is compared has at most microseconds, and of
    those the same are at or after the rounded bound as are at or after the bound itself.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        raise RefusedError("must be a time of RFC 3339 with its offset, such as 2025-01-31T00:00:00Z")
    day, time, fraction, offset = match.groups("")
    digits, excess = fraction[:_MICROSECOND_DIGITS], fraction[_MICROSECOND_DIGITS:]
    try:
        moment = datetime.fromisoformat(f"{day}T{time}.{digits or '0'}{offset.upper()}")
        return moment.astimezone(UTC) + timedelta(microseconds=1 if excess.strip("0") else 0)
    except (ValueError, OverflowError):
        raise RefusedError("is not a day and time of the calendar") from None
