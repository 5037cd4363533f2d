"""GET /api/v1/billing/invoices/{id}/pdf."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from billing.domain.invoices import InvoiceStatus
from billing.entrypoints.routes import GET_INVOICE_PDF
from tests.fakes.objects import T0, an_invoice

if TYPE_CHECKING:
    from tests.support.api import Api

IN_1 = {"id": "in_1"}


def test_a_document_comes_with_its_tag_and_the_second_time_not_at_all(api: Api) -> None:
    """Given an invoice, when its PDF is fetched, and again with its tag, then 200 and then 304."""
    api.mirror(an_invoice())
    token = api.customer()
    first = api.get(GET_INVOICE_PDF, token=token, path=IN_1)
    assert first.status == 200
    assert first.body.startswith(b"%PDF-")
    assert first.headers["content-type"] == "application/pdf"
    assert first.headers["cache-control"] == "private, no-cache"
    assert first.headers["content-disposition"].startswith('attachment; filename="invoice-A-0001.pdf"')
    assert first.headers["x-content-type-options"] == "nosniff"
    for field in (first.headers["etag"], f'"x", W/{first.headers["etag"]}', "*"):
        again = api.get(GET_INVOICE_PDF, token=token, path=IN_1, headers={"If-None-Match": field})
        assert (again.status, again.body) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]


def test_the_stored_document_is_the_drawn_one(api: Api) -> None:
    """Given a PDF that was drawn, when it is fetched from the store, then it is the same, byte for byte."""
    api.mirror(an_invoice())
    token = api.customer()
    first, second = (api.get(GET_INVOICE_PDF, token=token, path=IN_1) for _ in range(2))
    assert first.body == second.body
    assert first.headers["etag"] == second.headers["etag"]


@pytest.mark.parametrize(
    ("query", "headers", "language"),
    [
        ("", {}, "fr"),
        ("", {"Accept-Language": "pt, de;q=0.8"}, "de"),
        ("locale=ja", {"Accept-Language": "de"}, "ja"),
    ],
)
def test_the_language_is_asked_for_or_ones_own(
    api: Api, query: str, headers: dict[str, str], language: str
) -> None:
    """Given a French customer, when a language is asked for or not, then the document is in the best one."""
    api.mirror(an_invoice())
    token = api.customer(locale="fr-CA")
    answer = api.get(GET_INVOICE_PDF, token=token, path=IN_1, query=query, headers=headers)
    assert (answer.status, answer.headers["content-language"]) == (200, language)


def test_each_language_and_each_state_is_its_own_document(api: Api) -> None:
    """Given another language or state, when the old tag is sent, then 200 with a new one."""
    api.mirror(an_invoice())
    token = api.customer()
    first = api.get(GET_INVOICE_PDF, token=token, path=IN_1)
    known = {"If-None-Match": first.headers["etag"]}
    german = api.get(GET_INVOICE_PDF, token=token, path=IN_1, query="locale=de", headers=known)
    assert german.status == 200
    api.mirror(an_invoice(status=InvoiceStatus.VOID, voided_at=T0), after=5)
    void = api.get(GET_INVOICE_PDF, token=token, path=IN_1, headers=known)
    assert void.status == 200
    assert len({first.headers["etag"], german.headers["etag"], void.headers["etag"]}) == 3


def test_an_unknown_locale_is_refused_by_name(api: Api) -> None:
    """Given a language that documents are not written in, when asked for by locale, then 422 names it."""
    api.mirror(an_invoice())
    answer = api.get(GET_INVOICE_PDF, token=api.customer(), path=IN_1, query="locale=pt")
    assert (answer.status, answer.json["errors"][0]["field"]) == (422, "locale")


def test_a_tag_tells_nobody_that_an_invoice_is_there(api: Api) -> None:
    """Given another's invoice, when it is asked for with any tag, then 404, not 304."""
    api.mirror(an_invoice(customer="cus_2"))
    answer = api.get(GET_INVOICE_PDF, token=api.customer(), path=IN_1, headers={"If-None-Match": "*"})
    assert answer.status == 404


def test_the_store_away_is_drawn_and_served_and_counted(
    api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given no bucket, when a PDF is fetched, then it is served, and a metric says uncached."""
    api.mirror(an_invoice())
    token = api.customer()
    monkeypatch.setenv("DOCUMENT_BUCKET", "no-such-bucket-of-ours")
    answer = api.get(GET_INVOICE_PDF, token=token, path=IN_1)
    assert answer.status == 200
    assert answer.body.startswith(b"%PDF-")
    assert "PdfNotStored" in capsys.readouterr().out


def test_its_own_flag_switches_it_off(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given invoices on and PDFs off, when a PDF is fetched, then 503 feature_disabled."""
    monkeypatch.setenv("FEATURE_FLAGS", '{"invoices": {"default": true}, "invoice_pdf": {"default": false}}')
    answer = api.get(GET_INVOICE_PDF, token=api.customer(), path=IN_1)
    assert (answer.status, answer.json["code"]) == (503, "feature_disabled")
