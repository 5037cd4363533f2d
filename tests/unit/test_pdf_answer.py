"""The answer that carries a PDF."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.entrypoints import pdf
from billing.entrypoints.http import SECURITY_HEADERS, Request
from billing.entrypoints.problems import InvalidParametersError
from billing.use_cases.document_pdf import PdfAnswer
from tests.support.lambdas import CUSTOMER

ETAG = "a" * 64


def drawn(content: bytes | None = b"%PDF-", filename: str = "invoice-A-1.pdf") -> PdfAnswer:
    return PdfAnswer(ETAG, filename, content, cached=False, stored=True)


def no_link(pdf: PdfAnswer, disposition: str) -> str:
    raise AssertionError("nobody needs a link here")


def test_a_document_is_private_and_revalidated() -> None:
    """Given a PDF, when it is answered, then only private caches keep it, under its strong tag."""
    answer = pdf.pdf_answer(drawn(), "de", no_link)
    assert (answer.status, answer.body) == (200, b"%PDF-")
    assert answer.headers == {
        "ETag": f'"{ETAG}"',
        "Cache-Control": "private, no-cache",
        "Vary": "Accept-Language, Authorization",
        "Content-Language": "de",
        "Content-Type": "application/pdf",
        "Content-Disposition": "attachment; filename=\"invoice-A-1.pdf\"; filename*=UTF-8''invoice-A-1.pdf",
    }


def test_a_document_that_the_client_holds_is_304_without_a_body() -> None:
    """Given a client that holds it, when it is answered, then 304 with the headers that RFC 9110 asks for."""
    answer = pdf.pdf_answer(drawn(content=None), "de", no_link)
    assert (answer.status, answer.body) == (304, None)
    assert set(answer.headers) == {"ETag", "Cache-Control", "Vary", "Content-Language"}


def test_a_document_that_lambda_cannot_answer_is_303_to_its_link(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a document over the limit, when it is answered, then 303 to a link that no cache keeps."""
    counted: list[str] = []
    monkeypatch.setattr(pdf, "count", counted.append)
    asked: list[tuple[PdfAnswer, str]] = []

    def link(found: PdfAnswer, disposition: str) -> str:
        asked.append((found, disposition))
        return "https://bucket.example/key?signed"

    large = drawn(b"x" * (pdf.LARGEST + 1), 'invoice-"1".pdf')
    answer = pdf.pdf_answer(large, "de", link)
    assert (answer.status, answer.body) == (303, None)
    assert answer.headers == {"Location": "https://bucket.example/key?signed", "Cache-Control": "no-store"}
    assert asked == [(large, pdf.content_disposition('invoice-"1".pdf'))]
    assert counted == ["PdfDrawn", "PdfLinked"]


def test_the_largest_document_that_is_answered_fits_lambdas_response() -> None:
    """Given a document at the limit, when it is answered, then it fits Lambda's 6 MB with all headers."""
    answer = pdf.pdf_answer(drawn(b"x" * pdf.LARGEST, "ä" * 200), "de", no_link)
    assert isinstance(answer.body, bytes)
    headers = json.dumps({**SECURITY_HEADERS, **answer.headers})
    assert answer.status == 200
    assert len(b64encode(answer.body)) + len(headers) + 10_000 < 6 * 1024 * 1024


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("invoice-A-1.pdf", "invoice-A-1.pdf"),
        ("Rechnung Ä 1.pdf", "Rechnung_1.pdf"),
        ("請求書.pdf", "_.pdf"),
        ('a"b.pdf', "a_b.pdf"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("a\r\nSet-Cookie: x=1", "a_Set-Cookie__x_1"),
        ("", "invoice.pdf"),
        ("...", "invoice.pdf"),
    ],
)
def test_a_file_name_is_plain_ascii(name: str, plain: str) -> None:
    """Given a name, when the header is written, then the plain form has only harmless letters."""
    assert f'filename="{plain}"' in pdf.content_disposition(name)


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=150))
def test_no_file_name_breaks_out_of_the_header(name: str) -> None:
    """Given any name, when the header is written, then it is one well-formed field of ASCII (RFC 6266)."""
    field = pdf.content_disposition(name)
    match = re.fullmatch(
        r"attachment; filename=\"([A-Za-z0-9._-]+)\"; filename\*=UTF-8''([A-Za-z0-9._~%-]+)", field
    )
    assert match is not None
    whole = unquote(match[2], errors="strict")
    assert not set(whole) & set('/\\\r\n\x00"\u202e:')
    assert not whole.startswith(".")


@pytest.mark.parametrize(
    ("query", "headers", "expected"),
    [
        ("locale=ja", {"accept-language": "fr"}, "ja"),
        ("", {"accept-language": "fr"}, "fr"),
        ("", {}, "en"),
    ],
)
def test_locale_comes_before_accept_language_before_the_users_own(
    query: str, headers: dict[str, str], expected: str
) -> None:
    """Given several wishes, when the language is chosen, then the explicit one counts."""
    assert pdf.language(Request(CUSTOMER, {}, query, headers)) == expected


@pytest.mark.parametrize(
    "query", ["locale=pt", "locale=", "locale=DE", "locale=de-AT", "locale=de&locale=de", "lang=de"]
)
def test_an_unknown_locale_is_refused(query: str) -> None:
    """Given a locale that documents are not written in, when it is read, then it is refused by name."""
    with pytest.raises(InvalidParametersError) as caught:
        pdf.language(Request(CUSTOMER, {}, query, {}))
    assert [error.field for error in caught.value.errors] == [query.split("=", maxsplit=1)[0]]


@pytest.mark.parametrize(
    ("answer", "metric"),
    [
        (PdfAnswer(ETAG, "a.pdf", b"", cached=False, stored=False), "PdfNotStored"),
        (PdfAnswer(ETAG, "a.pdf", b"", cached=False, stored=True), "PdfDrawn"),
        (PdfAnswer(ETAG, "a.pdf", b"", cached=True, stored=True), "PdfFromStore"),
        (PdfAnswer(ETAG, "a.pdf", None, cached=False, stored=True), "PdfNotModified"),
    ],
)
def test_each_way_to_an_answer_is_counted(
    answer: PdfAnswer, metric: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given each way a PDF came about, when it is answered, then its own metric counts it."""
    counted: list[str] = []
    monkeypatch.setattr(pdf, "count", counted.append)
    pdf.pdf_answer(answer, "en", no_link)
    assert counted == [metric]
