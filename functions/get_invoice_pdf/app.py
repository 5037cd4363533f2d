"""GET /api/v1/billing/invoices/{id}/pdf: one of the caller's invoices as a document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import bootstrap
from billing.entrypoints import pdf
from billing.entrypoints.http import endpoint
from billing.entrypoints.parameters import invoice_id
from billing.entrypoints.routes import GET_INVOICE_PDF

if TYPE_CHECKING:
    from billing.entrypoints.http import Answer, Request


def respond(request: Request) -> Answer:
    """Answer with the PDF, or 304 when the client has it."""
    language = pdf.language(request)
    found = bootstrap.get_invoice_pdf()(request.customer, invoice_id(request), language, pdf.known(request))
    return pdf.pdf_answer(found, language)


handler = endpoint(GET_INVOICE_PDF, respond, bootstrap.feature_flags)
