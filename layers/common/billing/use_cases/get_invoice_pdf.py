"""A customer downloads one of their invoices as a PDF."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from billing.domain.documents import invoice_document, needs_customer
from billing.domain.errors import NotFoundError
from billing.use_cases.document_pdf import link_to, pdf_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from billing.domain.documents import InvoiceDocument, Seller
    from billing.use_cases.document_pdf import PdfAnswer
    from billing.use_cases.document_ports import DocumentStore, InvoiceReader, InvoiceRenderer


@dataclass(frozen=True, slots=True)
class GetInvoicePdf:
    """Serves an invoice's PDF from the store, and draws it only when the store does not have it."""

    reader: InvoiceReader
    store: DocumentStore
    renderer: Callable[[], InvoiceRenderer]
    seller: Seller

    def __call__(
        self, customer: str, invoice_id: str, locale: str, known: Callable[[str], bool]
    ) -> PdfAnswer:
        """Return the PDF; `known` tells whether the caller holds the document with this entity tag.

        Raises
        ------
        NotFoundError
            There is no such invoice, or it is somebody else's.
        InvalidParameterError
            Invoices are not written in the language of `locale`.
        UnavailableError
            The database does not answer. The store being away is no error: `stored` says so.
        """
        document = self._document(customer, invoice_id, locale)
        filename = f"invoice-{document.number or document.id}.pdf"
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

    def _document(self, customer: str, invoice_id: str, locale: str) -> InvoiceDocument:
        invoice = self.reader.get(customer, invoice_id)
        if invoice is None:
            raise NotFoundError("There is no such invoice.")
        buyer = self.reader.customer(customer) if needs_customer(invoice) else None
        return invoice_document(invoice, buyer, self.seller, locale)
