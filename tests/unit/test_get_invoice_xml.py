"""A customer opens an invoice and downloads it as an e-invoice."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from billing.adapters.einvoice.xml import einvoice_xml
from billing.domain.errors import EInvoiceIncompleteError, NotFoundError
from billing.domain.invoices import DiscountAmount, InvoiceStatus
from billing.domain.money import Money
from billing.use_cases.get_invoice import GetInvoice
from billing.use_cases.get_invoice_xml import WRITER_VERSION, GetInvoiceXml
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
    answer = writing.download("cus_1", "in_1", _new)
    assert (answer.filename, answer.content) == ("invoice-A-0001.xml", b"<xml/>")
    assert [invoice.number for invoice in writing.written] == ["A-0001"]
    assert writing.open("cus_1", "in_1").missing == ()


def test_whom_the_invoice_does_not_name_the_customer_does() -> None:
    """Given an invoice that names nobody, when it is an e-invoice, then the mirrored customer buys."""
    customer = a_customer(name="Ada", address=BUYERS[0][0])
    writing = Writing(FakeInvoices(UNNAMED, customer))
    writing.download("cus_1", "in_1", _new)
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
        writing.download("cus_1", "in_1", _new)
    assert refused.value.missing == missing
    assert writing.written == []


def test_anothers_invoice_is_not_there() -> None:
    """Given another's invoice, when it is opened or downloaded, then it is not found."""
    writing = Writing(FakeInvoices(a_reverse_charge_invoice(customer="cus_2")))
    with pytest.raises(NotFoundError):
        writing.open("cus_1", "in_1")
    with pytest.raises(NotFoundError):
        writing.download("cus_1", "in_1", lambda _: True)


def test_what_the_caller_holds_is_not_written_again() -> None:
    """Given an XML that the caller holds, when it is asked for, then only its tag comes, the same again."""
    writing = Writing(FakeInvoices(a_reverse_charge_invoice()))
    first = writing.download("cus_1", "in_1", _new)
    again = writing.download("cus_1", "in_1", lambda etag: etag == first.etag)
    assert (again.etag, again.content) == (first.etag, None)
    assert len(writing.written) == 1


def test_what_has_no_e_invoice_is_not_held_either() -> None:
    """Given an invoice without an e-invoice, when the caller holds any tag, then it is still what lacks."""
    writing = Writing(FakeInvoices(UNNAMED))
    with pytest.raises(EInvoiceIncompleteError):
        writing.download("cus_1", "in_1", lambda _: True)


def test_another_state_has_another_tag() -> None:
    """Given an invoice that changes, when its XML is asked for with the old tag, then it is written anew."""
    first = Writing(FakeInvoices(a_reverse_charge_invoice())).download("cus_1", "in_1", _new)
    changed = Writing(FakeInvoices(a_reverse_charge_invoice(description="Thank you")))
    second = changed.download("cus_1", "in_1", lambda etag: etag == first.etag)
    assert second.content is not None
    assert second.etag != first.etag


def test_what_is_written_changes_with_its_version_only() -> None:
    """Given a fixed invoice, when its XML is hashed, then it is that of this WRITER_VERSION: raise both."""
    plain = a_reverse_charge_invoice()
    named = DiscountAmount(Money(100, "eur"), "di_1", "LAUNCH", "Launch offer")
    lines = tuple(
        replace(each, amount=each.amount + named.amount, discounts=(named,)) for each in plain.lines
    )
    whole = replace(plain, lines=lines, subtotal=plain.subtotal + named.amount, discounts=(named,))
    use_case = GetInvoiceXml(FakeInvoices(whole), einvoice_xml, SELLER)
    content = use_case("cus_1", "in_1", _new).content
    assert content is not None
    assert (WRITER_VERSION, hashlib.sha256(content).hexdigest()[:16]) == (2, "a6f15f1d48a7d63a")


def _new(_: str) -> bool:
    return False
