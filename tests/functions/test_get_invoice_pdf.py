"""GET /api/v1/billing/invoices/{id}/pdf."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from billing import bootstrap
from billing.domain.invoices import InvoiceStatus
from billing.entrypoints import pdf
from billing.entrypoints.routes import GET_INVOICE_PDF
from tests.fakes.objects import T0, an_invoice
from tests.support.http import get

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_secretsmanager import SecretsManagerClient

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


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Let every document be one byte over what Lambda can answer, and return it."""
    content = b"%PDF-".ljust(pdf.LARGEST + 1, b"x")
    monkeypatch.setattr(bootstrap, "_invoice_renderer", lambda: lambda _document: content)
    return content


def test_a_document_over_lambdas_limit_is_303_to_a_link_that_gives_it(api: Api, large: bytes) -> None:
    """Given a PDF over the limit, when it is fetched, drawn and stored, then 303 leads to its bytes."""
    api.mirror(an_invoice())
    token = api.customer()
    for _ in range(2):
        answer = api.get(GET_INVOICE_PDF, token=token, path=IN_1)
        assert (answer.status, answer.body) == (303, b"")
        assert answer.headers["cache-control"] == "no-store"
        signed = parse_qs(urlsplit(answer.headers["location"]).query)
        assert int(signed["X-Amz-Expires"][0]) < 60
        followed = get(answer.headers["location"])
        assert (followed.status, followed.body) == (200, large)
        assert followed.headers["Content-Type"] == "application/pdf"
        assert followed.headers["Content-Disposition"].startswith('attachment; filename="invoice-A-0001.pdf"')


def test_a_document_over_lambdas_limit_without_the_store_is_503(
    api: Api, large: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a PDF over the limit and no bucket, when it is fetched, then it is unavailable, and soon back."""
    api.mirror(an_invoice())
    token = api.customer()
    monkeypatch.setenv("DOCUMENT_BUCKET", "no-such-bucket-of-ours")
    answer = api.get(GET_INVOICE_PDF, token=token, path=IN_1)
    assert (answer.status, answer.json["code"]) == (503, "unavailable")
    assert answer.headers["retry-after"] == "5"


@pytest.mark.parametrize("harm", ["damaged", "deleted"])
def test_a_harmed_object_heals_itself(
    harm: str, api: Api, clients: tuple[SecretsManagerClient, S3Client], unique_name: str
) -> None:
    """Given a stored PDF that is damaged or gone, when it is fetched, then it is served and stored again."""
    _, s3 = clients
    api.mirror(an_invoice())
    token = api.customer()
    first = api.get(GET_INVOICE_PDF, token=token, path=IN_1)
    [stored] = s3.list_objects_v2(Bucket=unique_name)["Contents"]
    before = s3.get_object(Bucket=unique_name, Key=stored["Key"])
    whole = before["Body"].read()
    if harm == "deleted":
        s3.delete_object(Bucket=unique_name, Key=stored["Key"])
    else:
        spoilt = whole[:-1] + b"?"
        s3.put_object(Bucket=unique_name, Key=stored["Key"], Body=spoilt, Metadata=before["Metadata"])
    again = api.get(GET_INVOICE_PDF, token=token, path=IN_1)
    assert (again.status, again.body, again.headers["etag"]) == (200, first.body, first.headers["etag"])
    [mended] = s3.list_objects_v2(Bucket=unique_name)["Contents"]
    assert mended["Key"] == stored["Key"]
    assert s3.get_object(Bucket=unique_name, Key=stored["Key"])["Body"].read() == whole == first.body


def test_its_own_flag_switches_it_off(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given invoices on and PDFs off, when a PDF is fetched, then 503 feature_disabled."""
    monkeypatch.setenv("FEATURE_FLAGS", '{"invoices": {"default": true}, "invoice_pdf": {"default": false}}')
    answer = api.get(GET_INVOICE_PDF, token=api.customer(), path=IN_1)
    assert (answer.status, answer.json["code"]) == (503, "feature_disabled")
