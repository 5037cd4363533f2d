"""GET /api/v1/billing/invoices/{id}."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from billing import bootstrap
from billing.entrypoints import presenters
from billing.entrypoints.routes import GET_INVOICE
from tests.fakes.objects import a_line, an_invoice
from tests.support.einvoices import a_reverse_charge_invoice

if TYPE_CHECKING:
    from tests.support.api import Api


def test_an_invoice_comes_whole_as_it_was_mirrored(api: Api) -> None:
    """Given a mirrored invoice, when it is opened, then every field of it is answered."""
    invoice = an_invoice()
    api.mirror(invoice)
    answer = api.get(GET_INVOICE, token=api.customer(), path={"id": "in_1"})
    assert answer.status == 200
    expected = presenters.invoice(invoice, ()) | {"einvoice": answer.json["einvoice"]}
    assert answer.json == expected


def test_it_says_whether_there_is_an_e_invoice(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a seller with and without a VAT id, when an invoice is opened, then it says what lacks."""
    api.mirror(a_reverse_charge_invoice())
    token = api.customer()
    answer = api.get(GET_INVOICE, token=token, path={"id": "in_1"})
    assert answer.json["einvoice"] == {"profile": "en16931", "missing": []}
    monkeypatch.setenv("SELLER", '{"name": "Seller", "address": {"country": "DE"}}')
    bootstrap.get_invoice.cache_clear()
    answer = api.get(GET_INVOICE, token=token, path={"id": "in_1"})
    assert answer.json["einvoice"] == {"profile": None, "missing": ["seller.vat_id"]}


def test_three_hundred_lines_come_in_order(api: Api) -> None:
    """Given an invoice of 300 lines, when it is opened, then all are there in Stripe's order."""
    lines = tuple(a_line(number) for number in range(300, 0, -1))
    api.mirror(an_invoice(lines=lines))
    answer = api.get(GET_INVOICE, token=api.customer(), path={"id": "in_1"})
    assert [line["id"] for line in answer.json["lines"]] == [line.id for line in lines]


def test_not_yours_and_not_there_are_the_same(api: Api) -> None:
    """Given another's invoice and none, when they are opened, then nobody can tell the two answers apart."""
    api.mirror(an_invoice(id="in_other", customer="cus_2"))
    token = api.customer()
    answers = [api.get(GET_INVOICE, token=token, path={"id": one}) for one in ("in_other", "in_none")]
    assert [answer.status for answer in answers] == [404, 404]
    assert answers[0].json == answers[1].json


@pytest.mark.parametrize(
    "invoice_id",
    ["in_1'--", "in_1 ", "%00", "in_1%00", "..", "in_\u00e9", "x" * 256, "in_1;DROP TABLE invoices", "{}"],
)
def test_an_impossible_id_is_404(api: Api, invoice_id: str) -> None:
    """Given what no id can be, when it is opened, then it is 404 like any other that is not there."""
    answer = api.get(GET_INVOICE, token=api.customer(), path={"id": invoice_id})
    assert (answer.status, answer.json["code"]) == (404, "not_found")


def test_a_parameter_is_refused(api: Api) -> None:
    """Given a parameter on a route that takes none, when called, then 422 names it."""
    api.mirror(an_invoice())
    answer = api.get(GET_INVOICE, token=api.customer(), path={"id": "in_1"}, query="expand[]=lines")
    assert (answer.status, answer.json["errors"][0]["field"]) == (422, "expand[]")
