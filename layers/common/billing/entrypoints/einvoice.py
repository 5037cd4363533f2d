"""What is answered about an invoice's e-invoice."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from billing.entrypoints.http import Answer
from billing.entrypoints.pdf import content_disposition

if TYPE_CHECKING:
    from billing.use_cases.get_invoice_xml import XmlAnswer


def xml_answer(xml: XmlAnswer) -> Answer:
    """Return 200 with the XML as text, which the gateway passes on as it is."""
    headers = {
        "Content-Type": "application/xml",
        "Content-Disposition": content_disposition(xml.filename),
    }
    return Answer(HTTPStatus.OK, xml.content.decode(), headers)
