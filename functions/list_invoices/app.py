"""GET /api/v1/billing/invoices: the caller's invoices, newest first, a page at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import bootstrap
from billing.entrypoints import parameters, presenters
from billing.entrypoints.http import endpoint, json_answer
from billing.entrypoints.routes import LIST_INVOICES

if TYPE_CHECKING:
    from billing.entrypoints.http import Answer, Request


def respond(request: Request) -> Answer:
    """Answer with one page."""
    query = parameters.invoice_query(request)
    page = bootstrap.list_invoices()(request.customer, query)
    return json_answer(presenters.invoice_page(page))


handler = endpoint(LIST_INVOICES, respond, bootstrap.feature_flags)
