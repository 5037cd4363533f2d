"""What every InvoiceReader and InvoicePages promise; the fake keeps it as PostgreSQL does."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.adapters.postgres.invoice_pages import PostgresInvoicePages
from billing.adapters.postgres.invoices import PostgresInvoiceReader
from billing.adapters.postgres.mirror import PostgresMirror
from billing.domain.errors import InvalidParameterError
from billing.domain.invoice_pages import InvoiceQuery
from billing.domain.invoices import InvoiceStatus
from billing.domain.mirror import Deletion, ObjectKind, Observation
from tests.fakes.invoices import FakeInvoices
from tests.fakes.mirror import FakeMirror
from tests.fakes.objects import SECOND, T0, a_customer, a_line, an_event, an_invoice

if TYPE_CHECKING:
    from billing.domain.invoices import Invoice
    from billing.domain.mirror import Snapshot
    from billing.use_cases.document_ports import InvoicePages, InvoiceReader
    from billing.use_cases.mirror_ports import Mirror


class Shelf:
    """Readers, and a way to put what it reads."""

    def __init__(self, mirror: Mirror, reader: InvoiceReader, pages: InvoicePages) -> None:
        self.reader = reader
        self.pages = pages
        self._mirror = mirror
        self._numbers = itertools.count(1)

    def put(self, *states: Snapshot | Deletion) -> None:
        """Mirror the states, each later than all before."""
        for state in states:
            number = next(self._numbers)
            event = an_event(f"evt_{number}", state, after=number)
            self._mirror.apply(event, Observation(state, event.created))

    def ids(self, customer: str = "cus_1", query: InvoiceQuery | None = None) -> list[str]:
        """Return the ids of one page."""
        return [summary.id for summary in self.pages.page(customer, query or InvoiceQuery()).data]


@pytest.fixture(params=["fake", "postgres"])
def shelf(request: pytest.FixtureRequest) -> Shelf:
    if request.param == "fake":
        mirror = FakeMirror()
        invoices = FakeInvoices(mirror=mirror)
        return Shelf(mirror, invoices, invoices)
    return Shelf(
        PostgresMirror(request.getfixturevalue("worker_database")),
        PostgresInvoiceReader(request.getfixturevalue("api_database")),
        PostgresInvoicePages(request.getfixturevalue("api_database")),
    )


def test_customer_without_invoices_has_an_empty_page(shelf: Shelf) -> None:
    """Given no invoices, when a page is asked for, then it is empty and the last."""
    page = shelf.pages.page("cus_none", InvoiceQuery())
    assert (page.data, page.has_more, page.next_cursor) == ((), False, None)


def test_summary_shows_what_the_invoice_says(shelf: Shelf) -> None:
    """Given an invoice in yen, when listed, then number, amounts, period and dates are its own."""
    invoice = an_invoice("jpy")
    shelf.put(invoice)
    (summary,) = shelf.pages.page("cus_1", InvoiceQuery()).data
    for name in ("id", "number", "status", "currency", "total", "amount_due", "amount_paid", "period"):
        assert getattr(summary, name) == getattr(invoice, name)
    assert (summary.created, summary.due_date) == (invoice.created, invoice.due_date)


def test_page_is_newest_first_and_ids_break_ties(shelf: Shelf) -> None:
    """Given invoices of several instants, some equal, when listed, then by created, then id, descending."""
    shelf.put(
        an_invoice(id="in_b", created=T0),
        an_invoice(id="in_c", created=T0 + SECOND),
        an_invoice(id="in_a", created=T0),
        an_invoice(id="in_B", created=T0),
    )
    assert shelf.ids() == ["in_c", "in_b", "in_a", "in_B"]


def test_only_own_invoices_are_listed(shelf: Shelf) -> None:
    """Given invoices of two customers, when one lists, then the other's are not there."""
    shelf.put(an_invoice(id="in_1"), an_invoice(id="in_2", customer="cus_2"))
    assert shelf.ids("cus_1") == ["in_1"]
    assert shelf.ids("cus_2") == ["in_2"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (InvoiceQuery(status=InvoiceStatus.PAID), ["in_2"]),
        (InvoiceQuery(currency="usd"), ["in_3"]),
        (InvoiceQuery(created_from=T0 + SECOND), ["in_3", "in_2"]),
        (InvoiceQuery(created_to=T0 + 2 * SECOND), ["in_2", "in_1"]),
        (InvoiceQuery(created_from=T0 + SECOND, created_to=T0 + 2 * SECOND), ["in_2"]),
        (InvoiceQuery(created_from=T0 + SECOND, created_to=T0 + SECOND), []),
        (InvoiceQuery(status=InvoiceStatus.VOID, currency="usd"), []),
    ],
)
def test_filters_narrow_the_page(shelf: Shelf, query: InvoiceQuery, expected: list[str]) -> None:
    """Given three invoices, when filtered, then all filters hold and the created bounds are half-open."""
    shelf.put(
        an_invoice(id="in_1", created=T0),
        an_invoice(id="in_2", created=T0 + SECOND, status=InvoiceStatus.PAID),
        an_invoice("usd", id="in_3", created=T0 + 2 * SECOND),
    )
    assert shelf.ids(query=query) == expected


def test_page_says_whether_more_follow(shelf: Shelf) -> None:
    """Given two invoices, when one is asked for, then more follow; when two are, none do."""
    shelf.put(an_invoice(id="in_1"), an_invoice(id="in_2"))
    first = shelf.pages.page("cus_1", InvoiceQuery(limit=1))
    assert (first.has_more, first.next_cursor) == (True, "in_2")
    assert shelf.pages.page("cus_1", InvoiceQuery(limit=2)).has_more is False


@pytest.mark.parametrize("cursor", ["in_none", "in_2", "", "in_1' OR '1'='1"])
def test_unknown_cursor_is_refused(shelf: Shelf, cursor: str) -> None:
    """Given a cursor that is not this customer's invoice, when used, then the parameter is named."""
    shelf.put(an_invoice(id="in_1"), an_invoice(id="in_2", customer="cus_2"))
    with pytest.raises(InvalidParameterError) as caught:
        shelf.pages.page("cus_1", InvoiceQuery(starting_after=cursor))
    assert caught.value.field == "starting_after"


def test_cursor_survives_its_invoice(shelf: Shelf) -> None:
    """Given a cursor whose draft was deleted since, when used, then the list goes on from where it was."""
    shelf.put(
        an_invoice(id="in_1", created=T0),
        an_invoice(id="in_2", created=T0 + SECOND),
        Deletion(ObjectKind.INVOICE, "in_2"),
    )
    assert shelf.ids() == ["in_1"]
    assert shelf.ids(query=InvoiceQuery(starting_after="in_2")) == ["in_1"]


def test_invoice_is_whole_with_lines_in_order(shelf: Shelf) -> None:
    """Given an invoice of 300 lines, when read, then it is equal to what was mirrored, in Stripe's order."""
    lines = tuple(a_line(number % 7, id=f"il_{(number * 7919) % 300}") for number in range(300))
    invoice = an_invoice(lines=lines)
    shelf.put(invoice)
    assert shelf.reader.get("cus_1", "in_1") == invoice


def test_lines_may_share_an_id(shelf: Shelf) -> None:
    """Given two lines of one id, as in API versions before 2018-05-21, when read, then both are there."""
    invoice = an_invoice(lines=(a_line(1, id="sub_1"), a_line(2, id="sub_1")))
    shelf.put(invoice)
    assert shelf.reader.get("cus_1", "in_1") == invoice


def test_sparse_invoice_is_read_as_it_is(shelf: Shelf) -> None:
    """Given an invoice with every optional field empty, when read, then they are still empty."""
    names = (
        "subscription number billing_reason description footer customer_name customer_email "
        "customer_address customer_tax_exempt total_excluding_tax due_date finalized_at"
    )
    empty: dict[str, Any] = dict.fromkeys(names.split())
    line = a_line(description=None, quantity=None, unit_amount=None, price=None, product=None, taxes=())
    invoice = an_invoice(**empty, customer_tax_ids=(), discounts=(), taxes=(), lines=(line,))
    shelf.put(invoice)
    assert shelf.reader.get("cus_1", "in_1") == invoice


@pytest.mark.parametrize("invoice_id", ["in_none", "in_2", "in_3"])
def test_invoice_not_there_is_none(shelf: Shelf, invoice_id: str) -> None:
    """Given an unknown, a foreign and a deleted invoice, when read, then the caller cannot tell which."""
    shelf.put(an_invoice(id="in_2", customer="cus_2"), an_invoice(id="in_3"))
    shelf.put(Deletion(ObjectKind.INVOICE, "in_3"))
    assert shelf.reader.get("cus_1", invoice_id) is None


def test_customer_is_read_when_mirrored(shelf: Shelf) -> None:
    """Given one mirrored customer, when customers are read, then that one is there and the other is not."""
    customer = a_customer(address=None, preferred_locales=(), currency=None)
    shelf.put(customer)
    assert shelf.reader.customer("cus_1") == customer
    assert shelf.reader.customer("cus_2") is None


@settings(
    max_examples=15,
    deadline=None,
    # The shelf is shared by the examples of one test; each example has a customer of its own.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seconds=st.lists(st.integers(0, 3), max_size=12), limit=st.integers(1, 5))
def test_pages_join_to_the_whole_list(shelf: Shelf, seconds: list[int], limit: int) -> None:
    """Given invoices of equal and different instants, when paged, then each comes once, in order."""
    customer = f"cus_{next(_customers)}"
    invoices: list[Invoice] = [
        an_invoice(id=f"in_{customer}_{n}", customer=customer, created=T0 + timedelta(seconds=second))
        for n, second in enumerate(seconds)
    ]
    shelf.put(*invoices)
    seen: list[str] = []
    cursor = None
    for _ in range(len(invoices) + 1):
        page = shelf.pages.page(customer, InvoiceQuery(limit=limit, starting_after=cursor))
        seen += [summary.id for summary in page.data]
        cursor = page.next_cursor
        if cursor is None:
            break
    ordered = sorted(invoices, key=lambda invoice: (invoice.created, invoice.id), reverse=True)
    assert seen == [invoice.id for invoice in ordered]


_customers = itertools.count(100)
