"""When an invoice's PDF is drawn, kept, served again, or not sent at all."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from billing.domain.documents import fingerprint, invoice_document
from billing.domain.errors import InvalidParameterError, NotFoundError, UnavailableError
from billing.domain.invoices import InvoiceStatus
from billing.use_cases.document_pdf import LINK_SECONDS
from billing.use_cases.get_invoice_pdf import GetInvoicePdf
from tests.fakes.document_store import FakeDocumentStore
from tests.fakes.invoices import FakeInvoices
from tests.support.invoices import SELLER, customer, invoice

if TYPE_CHECKING:
    from billing.domain.documents import InvoiceDocument


def unknown(etag: str) -> bool:
    return False


@dataclass
class Drawing:
    """A use case over fakes; `drawn` counts the drawings, `loads` how often the library was loaded."""

    reader: FakeInvoices = field(default_factory=lambda: FakeInvoices(invoice(), customer()))
    store: FakeDocumentStore = field(default_factory=FakeDocumentStore)
    drawn: list[InvoiceDocument] = field(default_factory=list)
    loads: int = 0

    def __post_init__(self) -> None:
        self.get = GetInvoicePdf(self.reader, self.store, self._load, SELLER)

    def _load(self) -> Drawing:
        self.loads += 1
        return self

    def __call__(self, document: InvoiceDocument) -> bytes:
        """Draw as a renderer does: the same document, the same bytes."""
        self.drawn.append(document)
        return f"PDF {fingerprint(document)}".encode()


def test_the_first_request_draws_and_stores() -> None:
    """Given an empty store, when a PDF is asked for, then it is drawn, stored under its tag and served."""
    drawing = Drawing()
    answer = drawing.get("cus_1", "in_1", "de", unknown)
    assert drawing.drawn == [invoice_document(invoice(), None, SELLER, "de")]
    assert answer.etag == fingerprint(drawing.drawn[0])
    assert drawing.store.content == {answer.etag: answer.content}
    assert (answer.filename, answer.cached, answer.stored) == ("invoice-DEMO-0001.pdf", False, True)


def test_the_second_request_is_served_from_the_store() -> None:
    """Given a stored PDF, when it is asked for again, then the same bytes come without the library."""
    drawing = Drawing()
    first = drawing.get("cus_1", "in_1", "en", unknown)
    second = drawing.get("cus_1", "in_1", "en", unknown)
    assert second == replace(first, cached=True)
    assert drawing.loads == 1


def test_who_holds_the_document_gets_nothing_and_the_store_is_not_asked() -> None:
    """Given a caller with the current tag and a store that is away, when they ask, then nobody notices."""
    drawing = Drawing()
    drawing.store.away = True
    etag = fingerprint(invoice_document(invoice(), None, SELLER, "en"))
    answer = drawing.get("cus_1", "in_1", "en", lambda tag: tag == etag)
    assert (answer.etag, answer.content, answer.stored) == (etag, None, True)
    assert drawing.loads == 0


def test_with_the_store_away_it_is_drawn_and_served() -> None:
    """Given a store that is away, when a PDF is asked for, then it comes, marked as not stored."""
    drawing = Drawing()
    drawing.store.away = True
    answer = drawing.get("cus_1", "in_1", "en", unknown)
    assert answer.content == f"PDF {answer.etag}".encode()
    assert (answer.cached, answer.stored) == (False, False)


def test_a_store_that_goes_away_before_the_put_costs_only_the_copy() -> None:
    """Given a store that fails between get and put, when a PDF is asked for, then it is served still."""

    class LeavingStore(FakeDocumentStore):
        def get(self, key: str) -> bytes | None:
            found = super().get(key)
            self.away = True
            return found

    drawing = Drawing(store=LeavingStore())
    answer = drawing.get("cus_1", "in_1", "en", unknown)
    assert answer.content == f"PDF {answer.etag}".encode()
    assert answer.stored is False


def test_a_stored_document_has_a_link_for_less_than_a_minute() -> None:
    """Given a PDF that was stored, when its link is asked for, then it is the store's, and soon of no use."""
    drawing = Drawing()
    answer = drawing.get("cus_1", "in_1", "en", unknown)
    link = urlsplit(drawing.get.link(answer, "attachment"))
    assert link.path == f"/{answer.etag}"
    assert parse_qs(link.query) == {"disposition": ["attachment"], "seconds": [str(LINK_SECONDS)]}
    assert 10 < LINK_SECONDS < 60


def test_what_is_not_stored_has_no_link() -> None:
    """Given a PDF that was drawn with the store away, when its link is asked for, then storage is away."""
    drawing = Drawing()
    drawing.store.away = True
    answer = drawing.get("cus_1", "in_1", "en", unknown)
    with pytest.raises(UnavailableError) as raised:
        drawing.get.link(answer, "attachment")
    assert raised.value.dependency == "storage"


def test_a_damaged_copy_is_drawn_anew() -> None:
    """Given a stored PDF that is damaged, when it is asked for, then it is drawn and stored again."""
    drawing = Drawing()
    first = drawing.get("cus_1", "in_1", "en", unknown)
    drawing.store.damaged.add(first.etag)
    assert drawing.get("cus_1", "in_1", "en", unknown) == first
    assert not drawing.store.damaged


def test_a_change_of_the_invoice_or_the_language_is_another_document() -> None:
    """Given a stored PDF, when the invoice is paid or asked for in German, then it is drawn anew."""
    drawing = Drawing()
    tags = {
        drawing.get("cus_1", "in_1", "en", unknown).etag,
        drawing.get("cus_1", "in_1", "de", unknown).etag,
    }
    drawing.reader.put(invoice(status=InvoiceStatus.PAID))
    tags.add(drawing.get("cus_1", "in_1", "en", unknown).etag)
    assert len(tags) == len(drawing.drawn) == len(drawing.store.content) == 3


@pytest.mark.parametrize(("owner", "invoice_id"), [("cus_2", "in_1"), ("cus_1", "in_2")])
def test_another_customers_invoice_does_not_exist(owner: str, invoice_id: str) -> None:
    """Given an invoice, when somebody else or another id is asked for, then both are not found alike."""
    with pytest.raises(NotFoundError, match="There is no such invoice"):
        Drawing().get(owner, invoice_id, "en", unknown)


def test_a_language_without_words_is_refused() -> None:
    """Given a language that invoices are not written in, when asked for, then the error names it."""
    with pytest.raises(InvalidParameterError):
        Drawing().get("cus_1", "in_1", "nl", unknown)


def test_with_the_database_away_there_is_no_document() -> None:
    """Given a database that is away, when a PDF is asked for, then that is the caller's to know."""
    drawing = Drawing()
    drawing.reader.mirror.available = False
    with pytest.raises(UnavailableError) as raised:
        drawing.get("cus_1", "in_1", "en", unknown)
    assert raised.value.dependency == "database"


def test_a_nameless_invoice_is_made_out_to_the_mirrored_customer() -> None:
    """Given an invoice that names nobody, when it is drawn, then it is made out to the customer."""
    nameless = invoice(customer_name=None, customer_email=None, customer_address=None, number=None)
    drawing = Drawing(reader=FakeInvoices(nameless, customer()))
    assert drawing.get("cus_1", "in_1", "en", unknown).filename == "invoice-in_1.pdf"
    assert drawing.drawn[0].buyer.name == "Renamed Ltd"
