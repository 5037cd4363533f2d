"""GET /api/v1/billing/invoices/{id}: one of the caller's invoices, with every line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import bootstrap
from billing.entrypoints import parameters, presenters
from billing.entrypoints.http import endpoint, json_answer
from billing.entrypoints.routes import GET_INVOICE

if TYPE_CHECKING:
    from billing.entrypoints.http import Answer, Request


def respond(request: Request) -> Answer:
    """Answer with the invoice."""
    parameters.no_parameters(request)
    invoice_id = parameters.invoice_id(request)
    opened = bootstrap.get_invoice()(request.customer, invoice_id)
    return json_answer(presenters.invoice(opened.invoice, opened.missing))


handler = endpoint(GET_INVOICE, respond, bootstrap.feature_flags)
