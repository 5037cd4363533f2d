"""What showing and drawing invoices and credit notes needs from the outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from billing.domain.credit_notes import CreditNote
    from billing.domain.customers import Customer
    from billing.domain.documents import InvoiceDocument
    from billing.domain.einvoice import EInvoice
    from billing.domain.invoice_pages import InvoicePage, InvoiceQuery
    from billing.domain.invoices import Invoice


class InvoicePages(Protocol):
    """Lists of one customer's invoices; apart from the invoices themselves, which a list does not load."""

    def page(self, customer: str, query: InvoiceQuery) -> InvoicePage:
        """Return one page, newest first (by creation, then id).

        Raises
        ------
        InvalidParameterError
            `starting_after` is not an invoice of this customer.
        UnavailableError
            The database does not answer.
        """
        ...


class InvoiceReader(Protocol):
    """Invoices of one customer; another customer's invoice does not exist here."""

    def get(self, customer: str, invoice_id: str) -> Invoice | None:
        """Return the invoice with every line in Stripe's order, None if this customer has none such.

        Its credit notes and payments come with it, oldest first.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        ...

    def customer(self, customer: str) -> Customer | None:
        """Return the mirrored customer, None if not mirrored (yet) or deleted.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        ...


class CreditNoteReader(Protocol):
    """Credit notes of one customer; another customer's does not exist here."""

    def get(self, customer: str, credit_note_id: str) -> CreditNote | None:
        """Return the credit note with every line in Stripe's order, None if this customer has none such.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        ...


class DocumentStore(Protocol):
    """Rendered documents under content-addressed keys; what is stored never changes."""

    def get(self, key: str) -> bytes | None:
        """Return the stored bytes, None if there are none or they are damaged.

        Raises
        ------
        UnavailableError
            The store does not answer.
        """
        ...

    def put(self, key: str, content: bytes) -> None:
        """Store the bytes unless the key is taken; two first writers leave one object.

        Raises
        ------
        UnavailableError
            The store does not answer.
        """
        ...

    def link(self, key: str, disposition: str, seconds: int) -> str:
        """Return a URL at which whoever has it gets the stored bytes, for so many seconds.

        `disposition` is the Content-Disposition of that answer (RFC 6266). The store is not asked.

        Raises
        ------
        UnavailableError
            The URL cannot be signed.
        """
        ...


class InvoiceRenderer(Protocol):
    """Draws an invoice."""

    def __call__(self, document: InvoiceDocument) -> bytes:
        """Return the PDF: the same document gives the same bytes."""
        ...


class EInvoiceWriter(Protocol):
    """Writes an e-invoice down."""

    def __call__(self, invoice: EInvoice) -> bytes:
        """Return the XML in UTF-8: the same invoice gives the same bytes."""
        ...


__all__ = [
    "CreditNoteReader",
    "DocumentStore",
    "EInvoiceWriter",
    "InvoicePages",
    "InvoiceReader",
    "InvoiceRenderer",
]
