"""Stripe's limits and lists over HTTP: 429 and Retry-After, cursors, events of several types."""

from __future__ import annotations

import json
import socket
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from billing.adapters.stripe.client import StripeConnection, Waiting
from billing.adapters.stripe.event_list import StripeEventList
from billing.adapters.stripe.event_types import THIN_TYPES
from billing.adapters.stripe.object_lists import LISTINGS, StripeObjectLists
from billing.adapters.stripe.objects import PATHS
from billing.domain.errors import UnavailableError
from billing.domain.mirror import ObjectKind
from billing.domain.periods import instant
from billing.domain.recovery import CursorGoneError, NotAllowedError
from tests.fakes.stripe_payloads import CREATED, customer, event, subscription

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.fixtures.stripe_data import RunningStandin

KEY = "sk_test_standin"
T0 = instant(CREATED)
DAY = timedelta(days=1)


class Limited(ThreadingHTTPServer):
    """A Stripe that refuses the first calls, with or without saying when to come again."""

    daemon_threads = True

    def __init__(self, refusals: int, retry_after: str | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.refusals = refusals
        self.retry_after = retry_after
        self.asked = 0


class _Handler(BaseHTTPRequestHandler):
    server: Limited

    def do_GET(self) -> None:
        self.server.asked += 1
        refused = self.server.asked <= self.server.refusals
        error = {"error": {"type": "invalid_request_error", "code": "rate_limit", "message": "slow down"}}
        body = json.dumps(error if refused else {"id": "cus_1", "object": "customer"}).encode()
        self.send_response_only(429 if refused else 200)
        self.send_header("Date", "Mon, 01 Jun 2026 12:00:00 GMT")
        if refused and self.server.retry_after is not None:
            self.send_header("Retry-After", self.server.retry_after)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def asked(
    refusals: int, retry_after: str | None, patience: float, refused: Callable[[], None] | None = None
) -> tuple[int, list[float], bool]:
    """Return how many calls were made, how long was waited each time, and whether an answer came."""
    server = Limited(refusals, retry_after)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    waits: list[float] = []
    connection = StripeConnection(
        lambda _: KEY,
        f"http://127.0.0.1:{server.server_port}",
        refused=refused,
        waiting=Waiting(patience=patience),
        sleep=waits.append,
    )
    try:
        found = connection.get("/v1/customers/cus_1")
    except UnavailableError:
        found = None
    finally:
        connection.close()
        server.shutdown()
        thread.join()
        server.server_close()
    return server.asked, waits, found is not None


def test_retry_after_is_kept_to() -> None:
    """Given a 429 that says 3 seconds, when asked with patience, then the next call comes 3 seconds later."""
    assert asked(2, "3", patience=10) == (3, [3.0, 3.0], True)


def test_without_retry_after_waits_grow() -> None:
    """Given 429s that say nothing, when asked with patience, then each wait is about twice the one before."""
    calls, waits, came = asked(4, None, patience=60)
    assert (calls, came) == (5, True)
    assert all(0.25 * 2**n <= wait <= 0.5 * 2**n for n, wait in enumerate(waits))


def test_patience_has_an_end() -> None:
    """Given a Stripe that refuses on and on, when the patience is used up, then it is unavailable."""
    assert asked(1000, "4", patience=10) == (3, [4.0, 4.0], False)
    assert asked(1000, "86400", patience=10)[0] == 1


def test_the_pace_is_told_of_each_refusal() -> None:
    """Given a Stripe that refuses twice and then once more, when asked, then the pace is told three times."""
    told: list[str] = []
    assert asked(2, "0", patience=10, refused=lambda: told.append("patient")) == (3, [0.0, 0.0], True)
    assert asked(1, None, patience=0, refused=lambda: told.append("not")) == (1, [], False)
    assert told == ["patient", "patient", "not"]


def test_without_patience_a_refusal_is_told_at_once() -> None:
    """Given a worker of the queue, which has other things to do, when refused, then nothing is waited for."""
    assert asked(1, None, patience=0) == (1, [], False)


def test_a_stripe_that_does_not_answer_is_left_alone_for_a_while() -> None:
    """Given a Stripe that nobody reaches, when asked again at once, then nobody tries until it has rested."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    now, tries = [0.0], []
    connection = StripeConnection(
        lambda _: KEY,
        f"http://127.0.0.1:{port}",
        retries=0,
        clock=lambda: now[0],
        pace=lambda: tries.append(now[0]),
        waiting=Waiting(rest=2.0),
    )
    for moment in (0.0, 1.0, 1.9, 2.0):
        now[0] = moment
        with pytest.raises(UnavailableError):
            connection.get("/v1/customers/cus_1")
    connection.close()
    assert tries == [0.0, 2.0]


@pytest.fixture
def connection(stripe_standin: RunningStandin) -> Iterator[StripeConnection]:
    opened = StripeConnection(lambda _: KEY, stripe_standin.base_url, retries=0)
    yield opened
    opened.close()


def test_events_of_several_types_are_listed_page_by_page(
    connection: StripeConnection, stripe_standin: RunningStandin
) -> None:
    """Given 250 events of two types in one second and others, when listed, then each comes exactly once."""
    kinds = ("customer.created", "customer.updated")
    wanted = [event(kinds[n % 2], customer(), id=f"evt_w{n:03}") for n in range(250)]
    others = [
        event("charge.succeeded", {"id": "ch_1", "object": "charge"}, id="evt_charge"),
        event(kinds[0], customer(), id="evt_before", created=CREATED - 1),
        event(kinds[0], customer(), id="evt_after", created=CREATED + 1),
    ]
    stripe_standin.load(*wanted, *others)
    events = StripeEventList(connection)
    seen: list[dict[str, Any]] = []
    after = None
    while True:
        page = events.page(kinds, T0, T0, after)
        seen += [dict(one) for one in page.events]
        if not page.has_more:
            break
        after = page.last
    assert sorted(one["id"] for one in seen) == [one["id"] for one in wanted]
    assert {one["id"]: one["data"] for one in seen} == {one["id"]: one["data"] for one in wanted}
    assert events.get("evt_charge") is not None
    assert events.get("evt_none") is None


def test_an_unknown_cursor_is_said(connection: StripeConnection) -> None:
    """Given a cursor that Stripe does not know, when a page is asked for, then that is its own error."""
    with pytest.raises(CursorGoneError):
        StripeObjectLists(connection).page(ObjectKind.CUSTOMER, "cus_gone", None)
    with pytest.raises(CursorGoneError):
        StripeEventList(connection).page(("customer.created",), T0, T0, "evt_gone")
    with pytest.raises(CursorGoneError):
        StripeEventList(connection).page(THIN_TYPES, T0, T0, "no_token")


def test_a_list_can_be_entered_by_time(connection: StripeConnection, stripe_standin: RunningStandin) -> None:
    """Given customers of several seconds, when a list is entered at one, then that second is in it."""
    stripe_standin.load(*(customer(id=f"cus_t{n}", created=CREATED - 5000 - n) for n in range(4)))
    page = StripeObjectLists(connection).page(ObjectKind.CUSTOMER, None, instant(CREATED - 5002)).read()
    assert [one.state.id for one in page.observations] == ["cus_t2", "cus_t3"]
    assert (page.last, page.oldest, page.has_more) == ("cus_t3", instant(CREATED - 5003), False)


def test_cancelled_subscriptions_are_listed(
    connection: StripeConnection, stripe_standin: RunningStandin
) -> None:
    """Given a cancelled subscription, which Stripe leaves out by default, when listed, then it is there."""
    stripe_standin.load(subscription(id="sub_gone", status="canceled"))
    page = StripeObjectLists(connection).page(ObjectKind.SUBSCRIPTION, None, None).read()
    assert [one.state.id for one in page.observations] == ["sub_gone"]


def test_an_object_that_cannot_be_read_does_not_hide_the_others(
    connection: StripeConnection, stripe_standin: RunningStandin
) -> None:
    """Given one damaged customer among others, when listed, then it is named, with the member."""
    made = [
        customer(id="cus_bad", balance="much", created=CREATED + 8),
        customer(id="cus_ok", created=CREATED + 7),
    ]
    stripe_standin.load(*made)
    page = StripeObjectLists(connection).page(ObjectKind.CUSTOMER, None, None).read()
    assert [(one.id, one.reason) for one in page.unreadable] == [
        ("cus_bad", "customer.balance: not an integer")
    ]
    assert page.observations[0].state.id == "cus_ok"
    stripe_standin.load(customer(id="cus_bad", created=CREATED + 8))


def test_active_and_inactive_prices_are_listed_one_after_the_other(
    connection: StripeConnection, stripe_standin: RunningStandin
) -> None:
    """Given 130 active prices and 3 archived ones, when listed to the end, then every one comes once."""
    client = stripe_standin.client()
    product = client.v1.products.create(params={"name": "Plan"}).id
    given = {"product": product, "currency": "eur", "unit_amount": 100}
    prices = [client.v1.prices.create(params=given) for _ in range(133)]
    made = [price.id for price in prices]
    stripe_standin.load(*(json.loads(str(price)) | {"active": False} for price in prices[:3]))
    lists, after, seen, cursors = StripeObjectLists(connection), None, [], []
    while True:
        page = lists.page(ObjectKind.PRICE, after, None).read()
        assert not page.whole
        assert not page.unreadable
        seen += [one.state.id for one in page.observations]
        after = page.last
        cursors.append(after)
        if not page.has_more:
            break
    assert sorted(seen) == sorted(made)
    assert cursors[1] == "1:"


def test_a_list_that_stripe_does_not_have_is_its_own_error(connection: StripeConnection) -> None:
    """Given a path that Stripe does not know, when it is read, then asking again is not worth it."""
    with pytest.raises(NotAllowedError):
        connection.get("/v1/nothing_like_this")


def test_stripe_away_is_unavailable() -> None:
    """Given nobody at Stripe's address, when lists are asked for, then it is unavailable."""
    nobody = StripeConnection(lambda _: KEY, "http://127.0.0.1:1", retries=0)
    with pytest.raises(UnavailableError):
        StripeEventList(nobody).page(("customer.created",), T0, T0, None)
    with pytest.raises(UnavailableError):
        StripeObjectLists(nobody).page(ObjectKind.CUSTOMER, None, None)
    nobody.close()


def test_every_kind_that_is_listed_has_its_place() -> None:
    """Given the kinds that are backfilled, when their lists are looked for, then each has a path."""
    lists = {owner for kind, one in LISTINGS.items() for owner in one.owners or (kind,)}
    assert lists <= set(PATHS)
