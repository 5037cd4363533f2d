"""A customer opens one of their invoices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from billing.domain.errors import NotFoundError

if TYPE_CHECKING:
    from billing.domain.invoices import Invoice
    from billing.use_cases.ports import InvoiceReader


@dataclass(frozen=True, slots=True)
class GetInvoice:
    """Reads one invoice from the mirror."""

    invoices: InvoiceReader

    def __call__(self, customer: str, invoice_id: str) -> Invoice:
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
        return invoice
