"""What callers may ask of the list of invoices."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from billing.domain.invoice_pages import InvoiceQuery
from billing.domain.statuses import InvoiceStatus
from billing.entrypoints.parameters import STRIPE_ID, Fields, RefusedError, time

if TYPE_CHECKING:
    from billing.entrypoints.http import Request

_LIMIT = re.compile(r"[1-9][0-9]?|100", re.ASCII)
_CURRENCY = re.compile(r"[A-Za-z]{3}", re.ASCII)


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
    created_from = fields.read("created_from", time)
    created_to = fields.read("created_to", time)
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
