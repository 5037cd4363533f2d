"""A customer lists their invoices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from billing.domain.invoice_pages import InvoicePage, InvoiceQuery
    from billing.use_cases.document_ports import InvoicePages


@dataclass(frozen=True, slots=True)
class ListInvoices:
    """Lists invoices from the mirror."""

    invoices: InvoicePages

    def __call__(self, customer: str, query: InvoiceQuery) -> InvoicePage:
        """Return one page of the customer's invoices, newest first; empty when there are none.

        Raises
        ------
        InvalidParameterError
            `starting_after` is not an invoice of this customer.
        UnavailableError
            The database does not answer.
        """
        return self.invoices.page(customer, query)
