"""A customer downloads one of their invoices as an e-invoice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from billing.domain.documents import invoice_document, needs_customer
from billing.domain.einvoice import Incomplete
from billing.domain.einvoicing import einvoice
from billing.domain.errors import EInvoiceIncompleteError, NotFoundError

if TYPE_CHECKING:
    from billing.domain.documents import Seller
    from billing.use_cases.ports import EInvoiceWriter, InvoiceReader

# An e-invoice has codes where a document has words.
_ANY_LOCALE = "en"


@dataclass(frozen=True, slots=True)
class XmlAnswer:
    """An e-invoice; `filename` may hold any character."""

    filename: str
    content: bytes


@dataclass(frozen=True, slots=True)
class GetInvoiceXml:
    """Writes an invoice's e-invoice. It is not stored: it costs less than to ask the store for it."""

    reader: InvoiceReader
    writer: EInvoiceWriter
    seller: Seller

    def __call__(self, customer: str, invoice_id: str) -> XmlAnswer:
        """Return the XML.

        Raises
        ------
        NotFoundError
            There is no such invoice, or it is somebody else's.
        EInvoiceIncompleteError
            The invoice or the seller lacks what EN 16931 wants; the error names it.
        UnavailableError
            The database does not answer.
        """
        invoice = self.reader.get(customer, invoice_id)
        if invoice is None:
            raise NotFoundError("There is no such invoice.")
        buyer = self.reader.customer(customer) if needs_customer(invoice) else None
        found = einvoice(invoice_document(invoice, buyer, self.seller, _ANY_LOCALE))
        if isinstance(found, Incomplete):
            raise EInvoiceIncompleteError(found.missing)
        return XmlAnswer(filename=f"invoice-{found.number}.xml", content=self.writer(found))
