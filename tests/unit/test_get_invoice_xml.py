"""A customer opens an invoice and downloads it as an e-invoice."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from billing.domain.errors import EInvoiceIncompleteError, NotFoundError
from billing.domain.invoices import InvoiceStatus
from billing.use_cases.get_invoice import GetInvoice
from billing.use_cases.get_invoice_xml import GetInvoiceXml
from tests.fakes.invoices import FakeInvoices
from tests.fakes.objects import a_customer
from tests.support.einvoices import BUYERS, SELLER, a_reverse_charge_invoice

if TYPE_CHECKING:
    from billing.domain.documents import Seller
    from billing.domain.einvoice import EInvoice
    from billing.domain.invoices import Invoice

UNNAMED = a_reverse_charge_invoice(customer_name=None, customer_email=None, customer_address=None)


@dataclass
class Writing:
    """Both use cases over fakes; `written` has the e-invoices that were written down."""

    reader: FakeInvoices
    seller: Seller = SELLER
    written: list[EInvoice] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.open = GetInvoice(self.reader, self.seller)
        self.download = GetInvoiceXml(self.reader, self._write, self.seller)

    def _write(self, invoice: EInvoice) -> bytes:
        self.written.append(invoice)
        return b"<xml/>"


def test_an_invoice_is_written_under_its_number() -> None:
    """Given an invoice that has all, when its XML is asked for, then it is written, named by its number."""
    writing = Writing(FakeInvoices(a_reverse_charge_invoice()))
    answer = writing.download("cus_1", "in_1")
    assert (answer.filename, answer.content) == ("invoice-A-0001.xml", b"<xml/>")
    assert [invoice.number for invoice in writing.written] == ["A-0001"]
    assert writing.open("cus_1", "in_1").missing == ()


def test_whom_the_invoice_does_not_name_the_customer_does() -> None:
    """Given an invoice that names nobody, when it is an e-invoice, then the mirrored customer buys."""
    customer = a_customer(name="Ada", address=BUYERS[0][0])
    writing = Writing(FakeInvoices(UNNAMED, customer))
    writing.download("cus_1", "in_1")
    assert writing.written[0].buyer.name == "Ada"
    assert writing.open("cus_1", "in_1").missing == ()


@pytest.mark.parametrize(
    ("invoice", "seller", "missing"),
    [
        (UNNAMED, SELLER, ("buyer.address.country", "buyer.name")),
        (a_reverse_charge_invoice(), replace(SELLER, tax_ids=()), ("seller.vat_id",)),
        (a_reverse_charge_invoice(status=InvoiceStatus.VOID), SELLER, ("status",)),
    ],
    ids=["nobody", "no VAT id", "void"],
)
def test_detail_and_xml_say_the_same_of_what_lacks(
    invoice: Invoice, seller: Seller, missing: tuple[str, ...]
) -> None:
    """Given an invoice that lacks something, when opened and when downloaded, then the same is named."""
    writing = Writing(FakeInvoices(invoice), seller)
    assert writing.open("cus_1", "in_1").missing == missing
    with pytest.raises(EInvoiceIncompleteError) as refused:
        writing.download("cus_1", "in_1")
    assert refused.value.missing == missing
    assert writing.written == []


def test_anothers_invoice_is_not_there() -> None:
    """Given another's invoice, when it is opened or downloaded, then it is not found."""
    writing = Writing(FakeInvoices(a_reverse_charge_invoice(customer="cus_2")))
    for use_case in (writing.open, writing.download):
        with pytest.raises(NotFoundError):
            use_case("cus_1", "in_1")
