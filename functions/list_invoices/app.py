"""GET /api/v1/billing/invoices: the caller's invoices, newest first, a page at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import bootstrap
from billing.entrypoints import presenters
from billing.entrypoints.http import endpoint, json_answer
from billing.entrypoints.invoice_query import invoice_query
from billing.entrypoints.routes import LIST_INVOICES

if TYPE_CHECKING:
    from billing.entrypoints.http import Answer, Request


def respond(request: Request) -> Answer:
    """Answer with one page."""
    page = bootstrap.list_invoices()(request.customer, invoice_query(request))
    return json_answer(presenters.invoice_page(page))


handler = endpoint(LIST_INVOICES, respond, bootstrap.feature_flags)
