"""A customer downloads one of their invoices as an e-invoice."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from billing.domain.documents import fingerprint, invoice_document, needs_customer
from billing.domain.einvoice import Incomplete
from billing.domain.einvoicing import einvoice
from billing.domain.errors import EInvoiceIncompleteError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

    from billing.domain.documents import Seller
    from billing.use_cases.document_ports import EInvoiceWriter, InvoiceReader

WRITER_VERSION = 2
"""Whoever changes what is written for the same document raises this, or old copies would count as known."""
# An e-invoice has codes where a document has words.
_ANY_LOCALE = "en"


@dataclass(frozen=True, slots=True)
class XmlAnswer:
    """An e-invoice, or word that the caller has it already: then `content` is None.

    `etag` names the XML, without quotes; `filename` may hold any character.
    """

    etag: str
    filename: str
    content: bytes | None


@dataclass(frozen=True, slots=True)
class GetInvoiceXml:
    """Writes an invoice's e-invoice. It is not stored: it costs less than to ask the store for it."""

    reader: InvoiceReader
    writer: EInvoiceWriter
    seller: Seller

    def __call__(self, customer: str, invoice_id: str, known: Callable[[str], bool]) -> XmlAnswer:
        """Return the XML; `known` tells whether the caller holds the one with this entity tag.

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
        document = invoice_document(invoice, buyer, self.seller, _ANY_LOCALE)
        found = einvoice(document)
        if isinstance(found, Incomplete):
            raise EInvoiceIncompleteError(found.missing)
        etag = hashlib.sha256(f"{fingerprint(document)} {WRITER_VERSION}".encode()).hexdigest()
        content = None if known(etag) else self.writer(found)
        return XmlAnswer(etag, f"invoice-{found.number}.xml", content)
