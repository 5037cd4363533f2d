"""GET /api/v1/billing/credit-notes/{id}/pdf: one of the caller's credit notes as a document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import bootstrap
from billing.entrypoints import pdf
from billing.entrypoints.http import endpoint
from billing.entrypoints.parameters import credit_note_id
from billing.entrypoints.routes import GET_CREDIT_NOTE_PDF

if TYPE_CHECKING:
    from billing.entrypoints.http import Answer, Request


def respond(request: Request) -> Answer:
    """Answer with the PDF, 304 when the client has it, or 303 to where it is when it is too large."""
    language = pdf.language(request)
    get_pdf = bootstrap.get_credit_note_pdf()
    found = get_pdf(request.customer, credit_note_id(request), language, pdf.known(request))
    return pdf.pdf_answer(found, language, get_pdf.link)


handler = endpoint(GET_CREDIT_NOTE_PDF, respond, bootstrap.feature_flags)
