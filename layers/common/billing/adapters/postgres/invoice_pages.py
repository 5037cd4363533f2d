"""Customers' lists of their invoices: one round trip, on one snapshot, under row security."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from billing.adapters.postgres.connection import Statement
from billing.adapters.postgres.instants import period, utc, utc_or_none
from billing.domain.errors import InvalidParameterError
from billing.domain.invoice_pages import InvoicePage, InvoiceSummary
from billing.domain.money import Money
from billing.domain.statuses import InvoiceStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from billing.adapters.postgres.connection import Database
    from billing.domain.invoice_pages import InvoiceQuery

# A cursor stays good when its invoice is deleted between two pages: the row still says where it stood.
_SELECT_CURSOR = """
SELECT 1 FROM invoices WHERE id = %(starting_after)s AND customer = %(customer)s"""

_SELECT_PAGE = """
SELECT id, number, status, currency, total, amount_due, amount_paid, period_start, period_end, created,
    due_date
FROM invoices
WHERE customer = %(customer)s
    AND deleted_at IS NULL
    AND (%(status)s::text IS NULL OR status = %(status)s::text)
    AND (%(currency)s::text IS NULL OR currency = %(currency)s::text)
    AND (%(created_from)s::timestamptz IS NULL OR created >= %(created_from)s::timestamptz)
    AND (%(created_to)s::timestamptz IS NULL OR created < %(created_to)s::timestamptz)
    AND (
        %(starting_after)s::text IS NULL
        OR (created, id) < (
            SELECT at.created, at.id FROM invoices AS at
            WHERE at.id = %(starting_after)s::text AND at.customer = %(customer)s
        )
    )
ORDER BY created DESC, id DESC
LIMIT %(limit)s"""


class PostgresInvoicePages:
    """The port `InvoicePages`, for the role billing_api."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, customer: str, query: InvoiceQuery) -> InvoicePage:
        """Return one page, newest first (by creation, then id).

        Raises
        ------
        InvalidParameterError
            `starting_after` is not an invoice of this customer.
        UnavailableError
            The database does not answer.
        """
        parameters = {
            "customer": customer,
            "status": None if query.status is None else query.status.value,
            "currency": query.currency,
            "created_from": query.created_from,
            "created_to": query.created_to,
            "starting_after": query.starting_after,
            "limit": query.limit + 1,  # one more than asked for tells whether there are more
        }
        cursor, rows = self._database.read_as(
            customer, Statement(_SELECT_CURSOR, parameters), Statement(_SELECT_PAGE, parameters)
        )
        if query.starting_after is not None and not cursor:
            raise InvalidParameterError("starting_after", "this customer has no such invoice")
        shown = tuple(_summary(row) for row in rows[: query.limit])
        return InvoicePage(data=shown, has_more=len(rows) > query.limit)


def _summary(row: Mapping[str, Any]) -> InvoiceSummary:
    currency = row["currency"]
    return InvoiceSummary(
        id=row["id"],
        number=row["number"],
        status=InvoiceStatus(row["status"]),
        currency=currency,
        total=Money(row["total"], currency),
        amount_due=Money(row["amount_due"], currency),
        amount_paid=Money(row["amount_paid"], currency),
        period=period(row["period_start"], row["period_end"]),
        created=utc(row["created"]),
        due_date=utc_or_none(row["due_date"]),
    )
