"""A document's PDF: from the store, or drawn when the store does not have it, or not sent at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from billing.domain.documents import fingerprint
from billing.domain.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from billing.domain.documents import InvoiceDocument
    from billing.use_cases.document_ports import DocumentStore, InvoiceRenderer

LINK_SECONDS = 45
"""How long a link to a stored document holds: for its redirect to be followed, and to be of no use later."""


@dataclass(frozen=True, slots=True)
class PdfAnswer:
    """A PDF, or word that the caller has it already.

    `etag` is the strong entity tag without quotes; `filename` may hold any character. `content` is
    None when the caller knows it.
    `cached` says that the bytes came out of the store, `stored` that the store did its part: it
    is False when the PDF was drawn and served although the store is away.
    """

    etag: str
    filename: str
    content: bytes | None
    cached: bool
    stored: bool


def pdf_of(
    document: InvoiceDocument,
    filename: str,
    known: Callable[[str], bool],
    store: DocumentStore,
    renderer: Callable[[], InvoiceRenderer],
) -> PdfAnswer:
    """Return the PDF; `known` tells whether the caller holds the document with this entity tag.

    The renderer is built only to draw. The store being away is no error: `stored` says so.
    """
    etag = fingerprint(document)
    if known(etag):
        return PdfAnswer(etag, filename, content=None, cached=False, stored=True)
    try:
        content = store.get(etag)
    except UnavailableError:
        # No put either: waiting for the same timeout twice helps nobody.
        return PdfAnswer(etag, filename, renderer()(document), cached=False, stored=False)
    if content is not None:
        return PdfAnswer(etag, filename, content, cached=True, stored=True)
    content = renderer()(document)
    return PdfAnswer(etag, filename, content, cached=False, stored=_keep(store, etag, content))


def link_to(pdf: PdfAnswer, disposition: str, store: DocumentStore) -> str:
    """Return a URL that gives the stored PDF to whoever has it, for LINK_SECONDS.

    `disposition` is the Content-Disposition of what it answers.

    Raises
    ------
    UnavailableError
        The PDF is not stored.
    """
    if not pdf.stored:
        raise UnavailableError("storage")
    return store.link(pdf.etag, disposition, LINK_SECONDS)


def _keep(store: DocumentStore, key: str, content: bytes) -> bool:
    try:
        store.put(key, content)
    except UnavailableError:
        return False
    return True
