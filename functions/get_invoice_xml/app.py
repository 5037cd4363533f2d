"""GET /api/v1/billing/invoices/{id}/xml: one of the caller's invoices as an e-invoice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import bootstrap
from billing.entrypoints import einvoice, parameters
from billing.entrypoints.http import endpoint
from billing.entrypoints.routes import GET_INVOICE_XML

if TYPE_CHECKING:
    from billing.entrypoints.http import Answer, Request


def respond(request: Request) -> Answer:
    """Answer with the XML, or 304 when the client has it."""
    parameters.no_parameters(request)
    invoice, known = parameters.invoice_id(request), einvoice.known(request)
    return einvoice.xml_answer(bootstrap.get_invoice_xml()(request.customer, invoice, known), request)


handler = endpoint(GET_INVOICE_XML, respond, bootstrap.feature_flags)
