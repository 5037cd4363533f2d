from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from billing.adapters.stripe.event_types import API_VERSION
from billing.adapters.stripe.events import read_object
from billing.adapters.stripe.objects import StripeApi, UnreadableAnswerError
from billing.domain.errors import ContentionError, UnavailableError
from billing.domain.invoices import Invoice, InvoiceStatus
from billing.domain.mirror import ObjectKind, Observation
from billing.domain.periods import instant
from tests.fakes.stripe_payloads import CREATED, customer, invoice, line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

type Script = Callable[[str, int], tuple[int, Any]]
DATE = "Mon, 01 Jun 2026 12:00:00 GMT"
NOON = instant(1_780_315_200)


class Scripted(ThreadingHTTPServer):
    """A server whose answers a test writes: from the path and the request's number to status and JSON."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script: Script = lambda _path, _number: (500, {})
        self.asked: list[str] = []
        self.versions: set[str | None] = set()
        self.date: str | None = DATE


class _Handler(BaseHTTPRequestHandler):
    server: Scripted

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.versions.add(self.headers["Stripe-Version"])
        status, answer = self.server.script(self.path, len(self.server.asked))
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response_only(status)
        if self.server.date is not None:
            self.send_header("Date", self.server.date)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def stripe() -> Iterator[Scripted]:
    server = Scripted()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def api(stripe: Scripted) -> Iterator[StripeApi]:
    host, port = stripe.server_address[:2]
    opened = StripeApi(api_key=lambda _: "sk_test_1", base=f"http://{host!s}:{port}", retries=0)
    yield opened
    opened.close()


def error(code: str, kind: str = "invalid_request_error") -> dict[str, Any]:
    return {"error": {"type": kind, "code": code, "message": "no"}}


def test_as_of_is_before_the_state_was_read(api: StripeApi, stripe: Scripted) -> None:
    """Given a Date that is written after the state was read, when fetched, then as_of is earlier."""
    stripe.script = lambda _path, _number: (200, customer())
    found = api.fetch(ObjectKind.CUSTOMER, "cus_1")
    assert found is not None
    assert found.as_of < NOON


def test_our_api_version_is_asked_for(api: StripeApi, stripe: Scripted) -> None:
    """Given a fetch, when Stripe sees it, then it asks for the version that the readers are written for."""
    stripe.script = lambda _path, _number: (200, customer())
    api.fetch(ObjectKind.CUSTOMER, "cus_1")
    assert stripe.versions == {"2026-05-27.dahlia"}


def test_an_odd_id_stays_one_part_of_the_path(api: StripeApi, stripe: Scripted) -> None:
    """Given an id with characters of URLs, when it is fetched, then it cannot name another resource."""
    stripe.script = lambda _path, _number: (404, error("resource_missing"))
    assert api.fetch(ObjectKind.INVOICE, "in_ü/../customers?limit=1") is None
    assert stripe.asked == ["/v1/invoices/in_%C3%BC%2F..%2Fcustomers%3Flimit%3D1"]


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (429, error("rate_limit")),
        (500, error("", "api_error")),
        (503, {}),
        (502, b"<html>bad gateway</html>"),
        (200, b"<html>not json</html>"),
        (200, b'{"id": "cus_1", "obj'),
        (403, error("", "invalid_request_error")),
        (400, error("parameter_unknown")),
        (404, error("url_invalid")),
    ],
)
def test_what_stripe_does_not_answer_is_unavailable(
    api: StripeApi, stripe: Scripted, status: int, answer: Any
) -> None:
    """Given any failing answer, when an object is fetched, then Stripe is unavailable, never unknown."""
    stripe.script = lambda _path, _number: (status, answer)
    with pytest.raises(UnavailableError, match="stripe"):
        api.fetch(ObjectKind.CUSTOMER, "cus_1")


def test_an_answer_of_another_shape_names_its_member(api: StripeApi, stripe: Scripted) -> None:
    """Given an object without a member that we need, when it is fetched, then the member is named."""
    stripe.script = lambda _path, _number: (200, {**customer(), "balance": "0"})
    with pytest.raises(UnreadableAnswerError, match=r"customer\.balance: not an integer"):
        api.fetch(ObjectKind.CUSTOMER, "cus_1")


def test_an_answer_without_a_date_is_not_used(api: StripeApi, stripe: Scripted) -> None:
    """Given no Date on the answer, when an object is fetched, then its time is not guessed."""
    stripe.date = None
    stripe.script = lambda _path, _number: (200, customer())
    with pytest.raises(UnreadableAnswerError, match="date: missing"):
        api.fetch(ObjectKind.CUSTOMER, "cus_1")


def paged(status: str = "open", first: int = 2) -> dict[str, Any]:
    return invoice(
        status=status, lines={"data": [line(id=f"il_{n}") for n in range(first)], "has_more": True}
    )


ALL_LINES = {"object": "list", "data": [line(id=f"il_{n}") for n in range(5)], "has_more": False}


def test_an_invoice_that_changes_while_it_is_paged_is_read_anew(api: StripeApi, stripe: Scripted) -> None:
    """Given an invoice paid between its reading and its pages, when fetched, then it is paid and whole."""

    def script(path: str, number: int) -> tuple[int, Any]:
        if "/lines" in path:
            return 200, ALL_LINES
        return 200, paged("open" if number == 1 else "paid")

    stripe.script = script
    found = api.fetch(ObjectKind.INVOICE, "in_1")
    assert found is not None
    assert isinstance(found.state, Invoice)
    assert (found.state.status, len(found.state.lines)) == (InvoiceStatus.PAID, 5)


@pytest.mark.parametrize(("status", "calls"), [("open", 2), ("paid", 4)])
def test_what_a_list_has_shown_of_an_invoice_saves_a_call(
    api: StripeApi, stripe: Scripted, status: str, calls: int
) -> None:
    """Given a long invoice in a list, when fetched, then two calls do, and four if it changed since."""
    listed = Observation(read_object(ObjectKind.INVOICE, paged("open"), API_VERSION), instant(CREATED))
    stripe.script = lambda path, _number: (200, ALL_LINES if "/lines" in path else paged(status))
    found = api.fetch(ObjectKind.INVOICE, "in_1", listed)
    assert found is not None
    assert isinstance(found.state, Invoice)
    assert (found.state.status, len(found.state.lines)) == (status, 5)
    assert (found.as_of == listed.as_of) is (status == "open")
    assert len(stripe.asked) == calls


def test_an_invoice_that_never_rests_is_given_up(api: StripeApi, stripe: Scripted) -> None:
    """Given an invoice that changes at every reading, when it is fetched, then it fails within bounds."""

    def script(path: str, number: int) -> tuple[int, Any]:
        return 200, ALL_LINES if "/lines" in path else {**paged(), "number": str(number)}

    stripe.script = script
    with pytest.raises(ContentionError):
        api.fetch(ObjectKind.INVOICE, "in_1")
    assert len(stripe.asked) == 7


def test_an_invoice_that_goes_away_while_it_is_paged_is_unknown(api: StripeApi, stripe: Scripted) -> None:
    """Given a draft removed between its reading and its pages, when it is fetched, then there is none."""

    def script(_path: str, number: int) -> tuple[int, Any]:
        return (200, paged()) if number == 1 else (404, error("resource_missing"))

    stripe.script = script
    assert api.fetch(ObjectKind.INVOICE, "in_1") is None


def test_pages_without_an_end_are_given_up(api: StripeApi, stripe: Scripted) -> None:
    """Given a list that says has_more on an empty page, when it is read, then it is not asked for ever."""

    def script(path: str, _number: int) -> tuple[int, Any]:
        return 200, {"data": [], "has_more": True} if "/lines" in path else paged()

    stripe.script = script
    with pytest.raises(UnreadableAnswerError, match="has_more: true on an empty page"):
        api.fetch(ObjectKind.INVOICE, "in_1")


def test_the_sdk_tries_again_by_itself(stripe: Scripted) -> None:
    """Given one failing answer, when retries are allowed, then the fetch succeeds at the second."""
    stripe.script = lambda _path, number: (503, {}) if number == 1 else (200, customer())
    host, port = stripe.server_address[:2]
    api = StripeApi(api_key=lambda _: "sk_test_1", base=f"http://{host!s}:{port}", retries=1)
    assert api.fetch(ObjectKind.CUSTOMER, "cus_1") is not None
    assert len(stripe.asked) == 2
    api.close()
