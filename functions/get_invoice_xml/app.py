"""GET /api/v1/billing/invoices/{id}/xml: one of the caller's invoices as an e-invoice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import bootstrap
from billing.entrypoints import parameters
from billing.entrypoints.einvoice import xml_answer
from billing.entrypoints.http import endpoint
from billing.entrypoints.routes import GET_INVOICE_XML

if TYPE_CHECKING:
    from billing.entrypoints.http import Answer, Request


def respond(request: Request) -> Answer:
    """Answer with the XML."""
    parameters.no_parameters(request)
    return xml_answer(bootstrap.get_invoice_xml()(request.customer, parameters.invoice_id(request)))


handler = endpoint(GET_INVOICE_XML, respond, bootstrap.feature_flags)
