"""What is asked and answered about an invoice's e-invoice."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from billing.entrypoints.http import Answer
from billing.entrypoints.negotiation import accepts_gzip, holds
from billing.entrypoints.pdf import LARGEST, content_disposition
from billing.entrypoints.problems import NotAcceptableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from billing.entrypoints.http import Request
    from billing.use_cases.get_invoice_xml import XmlAnswer


def known(request: Request) -> Callable[[str], bool]:
    """Return a test for whether the client holds the e-invoice of a given tag, in the coding it accepts."""
    if_none_match, suffix = request.headers.get("if-none-match"), _suffix(request)
    return lambda etag: holds(if_none_match, etag + suffix)


def xml_answer(xml: XmlAnswer, request: Request) -> Answer:
    """Return 200 with the XML, in gzip for whoever accepts that, or 304 when the client has it.

    A strong entity tag names bytes, so each coding has its own (RFC 9110, section 8.8.3.3).

    Raises
    ------
    NotAcceptableError
        The XML is over what Lambda can answer, and the client does not accept gzip, which takes a
        twentieth of it.
    """
    suffix = _suffix(request)
    headers = {
        "ETag": f'"{xml.etag}{suffix}"',
        "Cache-Control": "private, no-cache",
        "Vary": "Accept-Encoding, Authorization",
    }
    if xml.content is None:
        return Answer(HTTPStatus.NOT_MODIFIED, None, headers)
    headers["Content-Type"] = "application/xml"
    headers["Content-Disposition"] = content_disposition(xml.filename)
    if suffix:
        headers["Content-Encoding"] = "gzip"
        return Answer(HTTPStatus.OK, _in_gzip(xml.content), headers)
    if len(xml.content) > LARGEST:
        raise NotAcceptableError("This e-invoice is too large to be sent but in gzip: accept that encoding.")
    return Answer(HTTPStatus.OK, xml.content, headers)


def _suffix(request: Request) -> str:
    return "-gzip" if accepts_gzip(request.headers.get("accept-encoding")) else ""


def _in_gzip(content: bytes) -> bytes:
    import gzip  # noqa: PLC0415 - most answers go without it

    return gzip.compress(content, mtime=0)  # the same bytes every time
