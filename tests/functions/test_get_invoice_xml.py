"""GET /api/v1/billing/invoices/{id}/xml."""

from __future__ import annotations

import gzip
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from billing.domain.invoices import InvoiceStatus
from billing.domain.money import Money
from billing.entrypoints.pdf import LARGEST
from billing.entrypoints.routes import GET_INVOICE_XML
from tests.fakes.objects import T0
from tests.support.contract import contract
from tests.support.einvoices import a_reverse_charge_invoice
from tests.support.lambdas import PROJECT
from tests.support.schematron import Schematron

if TYPE_CHECKING:
    from tests.support.api import Api

IN_1 = {"id": "in_1"}
GZIP = {"Accept-Encoding": "gzip, deflate, br"}
SUMS = ("subtotal", "total", "total_excluding_tax", "amount_due", "amount_remaining")


def test_an_invoice_comes_as_an_e_invoice(api: Api) -> None:
    """Given a mirrored invoice, when its XML is fetched, then it is an e-invoice that meets every rule."""
    api.mirror(a_reverse_charge_invoice(number="Ä/1"))
    answer = api.get(GET_INVOICE_XML, token=api.customer(), path=IN_1)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/xml")
    assert answer.headers["content-disposition"].startswith('attachment; filename="invoice-')
    assert Schematron().failures(answer.body) == []
    assert "Zoë Ångström".encode() in answer.body
    assert f">{Decimal(20):.2f}</ram:DuePayableAmount>".encode() in answer.body


def test_an_e_invoice_comes_with_its_tag_and_the_second_time_not_at_all(api: Api) -> None:
    """Given an invoice, when its XML is fetched, and again with its tag, then 200 and then 304."""
    api.mirror(a_reverse_charge_invoice())
    token = api.customer()
    first = api.get(GET_INVOICE_XML, token=token, path=IN_1)
    assert (first.status, first.headers["cache-control"]) == (200, "private, no-cache")
    for field in (first.headers["etag"], f'"x", W/{first.headers["etag"]}', "*"):
        again = api.get(GET_INVOICE_XML, token=token, path=IN_1, headers={"If-None-Match": field})
        assert (again.status, again.body) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]


def test_each_coding_has_its_own_tag(api: Api) -> None:
    """Given a client that accepts gzip, when the XML is fetched, then it is the same, under another tag."""
    api.mirror(a_reverse_charge_invoice())
    token = api.customer()
    plain = api.get(GET_INVOICE_XML, token=token, path=IN_1)
    coded, again = (api.get(GET_INVOICE_XML, token=token, path=IN_1, headers=GZIP) for _ in range(2))
    assert gzip.decompress(coded.body) == plain.body
    assert coded.body == again.body
    assert coded.headers["content-encoding"] == "gzip"
    assert coded.headers["etag"] != plain.headers["etag"]
    for headers, status in (({}, 200), (GZIP, 304)):
        asked = headers | {"If-None-Match": coded.headers["etag"]}
        assert api.get(GET_INVOICE_XML, token=token, path=IN_1, headers=asked).status == status


def test_an_e_invoice_over_lambdas_limit_comes_in_gzip_only(api: Api) -> None:
    """Given 4,000 lines, when the XML is fetched, then 406 says what to accept, and with gzip it comes."""
    line = a_reverse_charge_invoice().lines[0]
    lines = tuple(replace(line, id=f"il_{number}") for number in range(4000))
    api.mirror(a_reverse_charge_invoice(lines=lines, **dict.fromkeys(SUMS, Money(2000 * 4000, "eur"))))
    token = api.customer()
    answer = api.get(GET_INVOICE_XML, token=token, path=IN_1)
    assert (answer.status, answer.json["code"]) == (406, "not_acceptable")
    assert "gzip" in answer.json["detail"]
    coded = api.get(GET_INVOICE_XML, token=token, path=IN_1, headers=GZIP)
    assert coded.status == 200
    assert len(coded.body) < LARGEST < len(gzip.decompress(coded.body))


def test_what_lacks_is_named(api: Api) -> None:
    """Given a void invoice without an address, when its XML is fetched, then 409 names all that lacks."""
    invoice = a_reverse_charge_invoice(status=InvoiceStatus.VOID, voided_at=T0, customer_address=None)
    api.mirror(invoice)
    answer = api.get(GET_INVOICE_XML, token=api.customer(), path=IN_1)
    assert (answer.status, answer.json["code"]) == (409, "einvoice_incomplete")
    assert answer.json["missing"] == ["buyer.address.country", "status"]


def test_not_yours_is_not_there(api: Api) -> None:
    """Given another's invoice, when its XML is fetched, then 404, whether it has an e-invoice or not."""
    api.mirror(a_reverse_charge_invoice(customer="cus_2"))
    answer = api.get(GET_INVOICE_XML, token=api.customer(), path=IN_1)
    assert (answer.status, answer.json["code"]) == (404, "not_found")


def test_a_parameter_is_refused(api: Api) -> None:
    """Given a parameter on a route that takes none, when called, then 422 names it."""
    api.mirror(a_reverse_charge_invoice())
    answer = api.get(GET_INVOICE_XML, token=api.customer(), path=IN_1, query="locale=de")
    assert (answer.status, answer.json["errors"][0]["field"]) == (422, "locale")


def test_its_own_flag_switches_it_off(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given invoices on and e-invoices off, when an XML is fetched, then 503 feature_disabled."""
    monkeypatch.setenv("FEATURE_FLAGS", '{"invoices": {"default": true}, "einvoice": {"default": false}}')
    answer = api.get(GET_INVOICE_XML, token=api.customer(), path=IN_1)
    assert (answer.status, answer.json["code"]) == (503, "feature_disabled")


@pytest.mark.parametrize("name", contract()["components"]["schemas"]["Missing"]["items"]["enum"])
def test_every_name_of_what_lacks_is_explained_and_used(name: str) -> None:
    """Given a name in the contract, when page and code are read, then both have it."""
    assert f"| `{name}` |" in (PROJECT / "docs" / "api.md").read_text()
    domain = PROJECT / "layers" / "common" / "billing" / "domain"
    code = "".join((domain / file).read_text() for file in ("vat.py", "einvoice_gaps.py"))
    assert f'"{name}"' in code
