"""A customer opens one of their invoices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from billing.domain.documents import invoice_document, needs_customer
from billing.domain.einvoice_gaps import missing
from billing.domain.errors import NotFoundError

if TYPE_CHECKING:
    from billing.domain.documents import Seller
    from billing.domain.invoices import Invoice
    from billing.use_cases.document_ports import InvoiceReader

# Which language an e-invoice's document is in makes no difference to what lacks.
_ANY_LOCALE = "en"


@dataclass(frozen=True, slots=True)
class OpenedInvoice:
    """An invoice, and what lacks for an e-invoice of it: nothing where it has one."""

    invoice: Invoice
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GetInvoice:
    """Reads one invoice from the mirror."""

    invoices: InvoiceReader
    seller: Seller

    def __call__(self, customer: str, invoice_id: str) -> OpenedInvoice:
        """Return the invoice with every line.

        Raises
        ------
        NotFoundError
            There is no such invoice, or it is somebody else's.
        UnavailableError
            The database does not answer.
        """
        invoice = self.invoices.get(customer, invoice_id)
        if invoice is None:
            raise NotFoundError("There is no such invoice.")
        buyer = self.invoices.customer(customer) if needs_customer(invoice) else None
        return OpenedInvoice(invoice, missing(invoice_document(invoice, buyer, self.seller, _ANY_LOCALE)))
