"""A customer downloads one of their credit notes as a PDF."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from billing.domain.credit_note_documents import credit_note_document
from billing.domain.documents import needs_customer
from billing.domain.errors import NotFoundError
from billing.use_cases.document_pdf import link_to, pdf_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from billing.domain.documents import InvoiceDocument, Seller
    from billing.use_cases.document_pdf import PdfAnswer
    from billing.use_cases.document_ports import (
        CreditNoteReader,
        DocumentStore,
        InvoiceReader,
        InvoiceRenderer,
    )


@dataclass(frozen=True, slots=True)
class GetCreditNotePdf:
    """Serves a credit note's PDF as GetInvoicePdf does an invoice's, out of the same store."""

    credit_notes: CreditNoteReader
    invoices: InvoiceReader
    store: DocumentStore
    renderer: Callable[[], InvoiceRenderer]
    seller: Seller

    def __call__(
        self, customer: str, credit_note_id: str, locale: str, known: Callable[[str], bool]
    ) -> PdfAnswer:
        """Return the PDF; `known` tells whether the caller holds the document with this entity tag.

        Raises
        ------
        NotFoundError
            There is no such credit note, or it is somebody else's.
        InvalidParameterError
            Documents are not written in the language of `locale`.
        UnavailableError
            The database does not answer. The store being away is no error: `stored` says so.
        """
        document = self._document(customer, credit_note_id, locale)
        filename = f"credit-note-{document.number}.pdf"
        return pdf_of(document, filename, known, self.store, self.renderer)

    def link(self, pdf: PdfAnswer, disposition: str) -> str:
        """Return a URL that gives the stored PDF to whoever has it, for LINK_SECONDS.

        `disposition` is the Content-Disposition of what it answers.

        Raises
        ------
        UnavailableError
            The PDF is not stored.
        """
        return link_to(pdf, disposition, self.store)

    def _document(self, customer: str, credit_note_id: str, locale: str) -> InvoiceDocument:
        note = self.credit_notes.get(customer, credit_note_id)
        if note is None:
            raise NotFoundError("There is no such credit note.")
        invoice = self.invoices.get(customer, note.invoice)
        nameless = invoice is None or needs_customer(invoice)
        buyer = self.invoices.customer(customer) if nameless else None
        return credit_note_document(note, invoice, buyer, self.seller, locale)
