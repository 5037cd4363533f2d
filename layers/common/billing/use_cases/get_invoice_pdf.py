"""A customer downloads one of their invoices as a PDF."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from billing.domain.documents import fingerprint, invoice_document, needs_customer
from billing.domain.errors import NotFoundError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from billing.domain.documents import InvoiceDocument, Seller
    from billing.use_cases.ports import DocumentStore, InvoiceReader, InvoiceRenderer

LINK_SECONDS = 45
"""How long a link to a stored document holds: for its redirect to be followed, and to be of no use later."""


@dataclass(frozen=True, slots=True)
class PdfAnswer:
    """A PDF, or word that the caller has it already.

    `etag` is the strong entity tag without quotes; `filename` may hold any character. `content` is
    None when the caller knows it.
    `cached` says that the bytes came out of the store, `stored` that the store did its part: it
    is False when the PDF was drawn and served although the store is away.
    """

    etag: str
    filename: str
    content: bytes | None
    cached: bool
    stored: bool


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
        etag = fingerprint(document)
        filename = _filename(document)
        if known(etag):
            return PdfAnswer(etag, filename, content=None, cached=False, stored=True)
        try:
            content = self.store.get(etag)
        except UnavailableError:
            # No put either: waiting for the same timeout twice helps nobody.
            return PdfAnswer(etag, filename, self.renderer()(document), cached=False, stored=False)
        if content is not None:
            return PdfAnswer(etag, filename, content, cached=True, stored=True)
        content = self.renderer()(document)
        return PdfAnswer(etag, filename, content, cached=False, stored=self._keep(etag, content))

    def link(self, pdf: PdfAnswer, disposition: str) -> str:
        """Return a URL that gives the stored PDF to whoever has it, for LINK_SECONDS.

        `disposition` is the Content-Disposition of what it answers.

        Raises
        ------
        UnavailableError
            The PDF is not stored.
        """
        if not pdf.stored:
            raise UnavailableError("storage")
        return self.store.link(pdf.etag, disposition, LINK_SECONDS)

    def _document(self, customer: str, invoice_id: str, locale: str) -> InvoiceDocument:
        invoice = self.reader.get(customer, invoice_id)
        if invoice is None:
            raise NotFoundError("There is no such invoice.")
        buyer = self.reader.customer(customer) if needs_customer(invoice) else None
        return invoice_document(invoice, buyer, self.seller, locale)

    def _keep(self, key: str, content: bytes) -> bool:
        try:
            self.store.put(key, content)
        except UnavailableError:
            return False
        return True


def _filename(document: InvoiceDocument) -> str:
    return f"invoice-{document.number or document.id}.pdf"
