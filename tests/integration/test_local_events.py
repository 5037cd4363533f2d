"""The mirror is brought level with Stripe's list of events, on a real database and over real HTTP."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from billing.adapters.stripe.signature import StripeSignatureVerifier
from billing.bootstrap import now
from local.demo import DEMO_USERS, write_demo_users
from local.events import EventCatchUp
from local.ports import LOOPBACK, any_free_port
from local.postgres import OWNER
from local.problems import LocalCloudError
from local.secrets import api_key_hash, new_api_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from billing.adapters.postgres.connection import Connection, Credentials
    from billing.settings import DatabaseSettings

SECRET = "whsec_local"
KEY = "sk_test_local"


class World(ThreadingHTTPServer):
    """Stripe's list of events and the webhook in one server.

    What the webhook takes goes into the inbox, as the functions would have it, unless `deaf` is set.
    """

    def __init__(self, dsn: str, events: list[dict[str, Any]]) -> None:
        super().__init__((LOOPBACK, 0), Handler)
        self.dsn = dsn
        self.events = events
        self.received: list[str] = []
        self.deaf = False

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{LOOPBACK}:{self.server_port}"

    def record(self, event: dict[str, Any]) -> None:
        """Put an event into the inbox."""
        with psycopg.connect(self.dsn) as connection:
            connection.execute(
                "INSERT INTO stripe_webhook_events (id, type, livemode, created, outcome) "
                "VALUES (%s, %s, false, to_timestamp(%s), 'applied') ON CONFLICT DO NOTHING",
                (event["id"], event["type"], event["created"]),
            )

    def catch_up(self, **changes: Any) -> EventCatchUp:
        """Return the subject under test, pointed at this world."""
        arguments = {
            "api_base": self.url,
            "api_key": KEY,
            "webhook_url": f"{self.url}/webhooks/stripe",
            "webhook_secret": SECRET,
            "dsn": self.dsn,
            "queue_is_empty": lambda: True,
            "quiet_seconds": 0.0,
        }
        return EventCatchUp(**{**arguments, **changes})


class Handler(BaseHTTPRequestHandler):
    """Pages of two events, newest first; a webhook that verifies with the system's own verifier."""

    server: World

    def do_GET(self) -> None:
        """List events."""
        assert self.headers["Authorization"] == f"Bearer {KEY}"
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        listed = sorted(self.server.events, key=lambda event: -event["created"])
        listed = [event for event in listed if event["created"] >= int(query["created[gte]"])]
        ids = [event["id"] for event in listed]
        start = ids.index(query["starting_after"]) + 1 if "starting_after" in query else 0
        page = listed[start : start + 2]
        self._answer({"data": page, "has_more": start + 2 < len(listed)})

    def do_POST(self) -> None:
        """Take an event."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        verifier = StripeSignatureVerifier(secrets=lambda _refresh: [SECRET], clock=now)
        verifier.verify(body, self.headers["Stripe-Signature"])
        event = json.loads(body)
        self.server.received.append(event["id"])
        if not self.server.deaf:
            self.server.record(event)
        self._answer({})

    def log_message(self, *_arguments: object) -> None:
        """Keep quiet."""

    def _answer(self, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def event(number: int) -> dict[str, Any]:
    return {"id": f"evt_{number}", "type": "invoice.paid", "created": 1_700_000_000 + number}


@pytest.fixture
def dsn(database: DatabaseSettings, database_secrets: dict[str, Credentials]) -> str:
    owner = database_secrets[OWNER]
    return f"postgresql://{owner.username}:{owner.password}@{database.host}:{database.port}/{database.name}"


@pytest.fixture
def world(dsn: str) -> Iterator[World]:
    with World(dsn, [event(number) for number in range(5)]) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_events_that_are_all_there_are_not_sent_again(world: World) -> None:
    """Given every listed event in the inbox, when catching up, then nothing is sent and all are counted."""
    for listed in world.events:
        world.record(listed)
    told: list[tuple[int, int]] = []
    assert world.catch_up().run(lambda *counts: told.append(counts)) == 5
    assert told == [(5, 5)]
    assert world.received == []


def test_lost_events_are_signed_and_sent_again_oldest_first(world: World) -> None:
    """Given a queue that lost three of five events, when catching up, then just those are sent, in order."""
    world.record(world.events[1])
    world.record(world.events[3])
    assert world.catch_up().run(lambda *_: None) == 5
    assert world.received == ["evt_0", "evt_2", "evt_4"]


def test_events_from_before_the_demo_are_left_alone(world: World) -> None:
    """Given an account with older events, when catching up since a moment, then only later ones count."""
    assert world.catch_up().run(lambda *_: None, since=1_700_000_003) == 2
    assert world.received == ["evt_3", "evt_4"]


def test_events_that_are_under_way_are_waited_for(world: World) -> None:
    """Given events that arrive by themselves, when catching up patiently, then none is sent a second time."""

    def arrive() -> None:
        for listed in world.events:
            time.sleep(0.05)
            world.record(listed)

    arriving = threading.Thread(target=arrive)
    arriving.start()
    assert world.catch_up(quiet_seconds=60.0).run(lambda *_: None) == 5
    arriving.join()
    assert world.received == []


def test_nothing_is_sent_again_while_the_queue_holds_messages(world: World) -> None:
    """Given a slow start with messages in the queue, when catching up, then they are only waited for."""
    queued = list(world.events)

    def queue_is_empty() -> bool:
        if queued:
            world.record(queued.pop())
        return False

    assert world.catch_up(queue_is_empty=queue_is_empty).run(lambda *_: None) == 5
    assert world.received == []


def test_events_that_never_arrive_are_told_with_where_to_look(world: World) -> None:
    """Given a system that applies nothing, when the time is over, then the error counts and names the log."""
    world.deaf = True
    with pytest.raises(LocalCloudError, match=r"5 of 5 Stripe events .*apply_stripe_events"):
        world.catch_up().run(lambda *_: None, seconds=0.5)


def test_stripe_or_the_database_away_is_one_sentence(world: World) -> None:
    """Given no Stripe, or no database, when catching up, then the error says which."""
    nowhere = f"{LOOPBACK}:{any_free_port()}"
    with pytest.raises(LocalCloudError, match="list of events cannot be read"):
        world.catch_up(api_base=f"http://{nowhere}").run(lambda *_: None)
    with pytest.raises(LocalCloudError, match="PostgreSQL does not answer"):
        world.catch_up(dsn=f"postgresql://a:b@{nowhere}/c").run(lambda *_: None)


def test_demo_users_sign_in_by_subject_and_by_key_however_often_written(dsn: str, owner: Connection) -> None:
    """Given demo users written twice, when they are looked up for sign-in, then each is there once."""
    customers = {"customer": "cus_1", "other_customer": "cus_2", "third_customer": "cus_3"}
    key = new_api_key()
    for _ in range(2):
        write_demo_users(dsn, "http://127.0.0.1/oidc", customers, key)
    found = owner.execute("SELECT subject, role, stripe_customer_id AS customer FROM users").fetchall()
    assert {(row["subject"], row["customer"]) for row in found} == {("admin", None), *customers.items()}
    assert len(found) == len(DEMO_USERS)
    (by_key,) = owner.execute("SELECT * FROM authenticate_api_key(%s)", [api_key_hash(key)]).fetchall()
    assert (by_key["role"], by_key["customer"]) == ("customer", "cus_1")
    (by_subject,) = owner.execute(
        "SELECT * FROM authenticate_subject(%s, %s)", ["http://127.0.0.1/oidc", "admin"]
    ).fetchall()
    assert (by_subject["role"], by_subject["customer"]) == ("admin", None)
