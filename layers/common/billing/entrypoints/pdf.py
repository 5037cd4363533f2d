"""What is asked and answered about a document's PDF."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from billing.domain.documents import LOCALES
from billing.entrypoints.http import Answer
from billing.entrypoints.negotiation import holds, negotiate
from billing.entrypoints.observability import count
from billing.entrypoints.parameters import Fields, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from billing.entrypoints.http import Request
    from billing.use_cases.document_pdf import PdfAnswer

LARGEST = 4_400_000
"""Bytes of the largest document that is answered itself: Lambda's limit is 6 MB with headers, in base64."""
_LONGEST_NAME = 100
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_NEVER = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\u2028\u2029\u202a-\u202e\u2066-\u2069]+')


def language(request: Request) -> str:
    """Return the language to write the document in: `?locale=`, else what HTTP negotiates.

    Raises
    ------
    InvalidParametersError
        A parameter is unknown, repeated, or not one of LOCALES.
    """
    fields = Fields(request.raw_query, {"locale"})
    asked = fields.read("locale", _locale)
    fields.check()
    return asked or negotiate(request.headers.get("accept-language"), request.locale)


def known(request: Request) -> Callable[[str], bool]:
    """Return a test for whether the client holds the document with a given entity tag."""
    if_none_match = request.headers.get("if-none-match")
    return lambda etag: holds(if_none_match, etag)


def pdf_answer(pdf: PdfAnswer, locale: str, link: Callable[[PdfAnswer, str], str]) -> Answer:
    """Return 200 with the bytes, 304 when the client has them, or 303 when Lambda cannot answer so many.

    The document is personal and its language depends on the request, so shared caches keep out
    and private ones ask every time: the entity tag makes the asking cheap. `link` is asked for a
    URL of a document that is over LARGEST, with the Content-Disposition that it shall have there.

    Raises
    ------
    UnavailableError
        The document is over LARGEST and has no link.
    """
    count(_metric(pdf))
    if pdf.content is not None and len(pdf.content) > LARGEST:
        location = link(pdf, content_disposition(pdf.filename))
        count("PdfLinked")
        return Answer(HTTPStatus.SEE_OTHER, None, {"Location": location, "Cache-Control": "no-store"})
    headers = {
        "ETag": f'"{pdf.etag}"',
        "Cache-Control": "private, no-cache",
        "Vary": "Accept-Language, Authorization",
        "Content-Language": locale,
    }
    if pdf.content is None:
        return Answer(HTTPStatus.NOT_MODIFIED, None, headers)
    headers["Content-Type"] = "application/pdf"
    headers["Content-Disposition"] = content_disposition(pdf.filename)
    return Answer(HTTPStatus.OK, pdf.content, headers)


def _metric(pdf: PdfAnswer) -> str:
    if not pdf.stored:
        return "PdfNotStored"
    if pdf.content is None:
        return "PdfNotModified"
    return "PdfFromStore" if pdf.cached else "PdfDrawn"


def _locale(text: str) -> str:
    if text not in LOCALES:
        raise RefusedError(f"must be one of {', '.join(LOCALES)}")
    return text


def content_disposition(filename: str) -> str:
    """Return the field for a download of this name (RFC 6266).

    `filename` has only letters, digits, dots, dashes and underscores; `filename*` has the whole
    name, without what a file system or a terminal could take for more than a name.
    """
    whole = _NEVER.sub("_", filename[:_LONGEST_NAME]).strip(" .") or "invoice.pdf"
    plain = _UNSAFE.sub("_", whole)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(whole, safe='')}"
