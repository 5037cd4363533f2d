from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.errors import PayloadRejectedError, SignatureRejectedError, UnavailableError
from billing.use_cases.receive_stripe_event import LARGEST_BODY, Received, ReceiveStripeEvent
from tests.fakes.event_queue import FakeEventQueue

GOOD = b'{"id": "evt_1", "object": "event", "type": "invoice.paid"}'


class Verifier:
    """Accepts the signature "good", and remembers what it was shown."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []

    def verify(self, payload: bytes, signature: str | None) -> None:
        """Raise unless the signature is good."""
        self.seen.append(payload)
        if signature != "good":
            raise SignatureRejectedError("wrong")


def receive(payload: bytes, queue: FakeEventQueue | None = None, signature: str | None = "good") -> Received:
    return ReceiveStripeEvent(Verifier(), queue or FakeEventQueue())(payload, signature)


def body_of(**members: Any) -> bytes:
    return json.dumps({"id": "evt_1", "object": "event", "type": "t", **members}).encode()


def test_a_signed_event_is_queued_as_it_came() -> None:
    """Given a signed event, when it is received, then the queue has the same text and its id is told."""
    queue = FakeEventQueue()
    assert receive(GOOD, queue) == Received("evt_1", "invoice.paid")
    assert queue.bodies == [GOOD.decode()]


@pytest.mark.parametrize("payload", [GOOD, b"", b"\xff", b"[" * 100_000])
def test_an_unsigned_body_is_not_even_looked_at(payload: bytes) -> None:
    """Given a wrong signature, when any body comes, then the signature is the reason, and nothing queued."""
    queue = FakeEventQueue()
    with pytest.raises(SignatureRejectedError):
        receive(payload, queue, signature="bad")
    assert queue.bodies == []


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b" ",
        b"\xff\xfe",
        b"\xed\xa0\x80",
        b"\xef\xbb\xbf" + GOOD,
        b"not json",
        GOOD + b"x",
        b"null",
        b"[]",
        b'"event"',
        b"7",
        b'{"a": NaN, ' + GOOD[1:],
        b'{"a": -Infinity, ' + GOOD[1:],
        b'{"a": 1, "a": 2, ' + GOOD[1:],
        b'{"id": "evt_2", ' + GOOD[1:],
        b'{"a": "\x00", ' + GOOD[1:],
        b'{"a": ' + b"9" * 5000 + b", " + GOOD[1:],
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b", " + GOOD[1:],
        body_of(id=None),
        body_of(id=7),
        body_of(id=""),
        body_of(id="e" * 256),
        body_of(id="evt_1\x00"),
        body_of(id="evt_\ud800"),
        body_of(id=["evt_1"]),
        body_of(type=None),
        body_of(type="a\nb"),
        body_of(object="invoice"),
        body_of(object=None),
        body_of(padding="x" * LARGEST_BODY),
    ],
)
def test_what_is_no_event_is_rejected_and_not_queued(payload: bytes) -> None:
    """Given a signed body that is no JSON event, when it is received, then it is rejected, nothing queued."""
    queue = FakeEventQueue()
    with pytest.raises(PayloadRejectedError):
        receive(payload, queue)
    assert queue.bodies == []


def test_a_body_of_the_largest_size_is_taken() -> None:
    """Given a body of exactly 1 MiB, when it is received, then the queue has it."""
    queue = FakeEventQueue()
    receive(body_of(padding="x" * (LARGEST_BODY - len(body_of(padding="")))), queue)
    assert len(queue.bodies[0]) == LARGEST_BODY


def test_a_queue_that_is_away_is_said_so() -> None:
    """Given a queue that does not take it, when an event is received, then the queue is the reason."""
    queue = FakeEventQueue()
    queue.away = True
    with pytest.raises(UnavailableError, match="queue"):
        receive(GOOD, queue)


def test_characters_that_the_queue_refuses_do_not_lose_the_event() -> None:
    """Given raw U+FFFE and U+FFFF in a text, when it is received, then the queue has the same JSON."""
    queue = FakeEventQueue()
    sent = {"id": "evt_1", "object": "event", "type": "t", "name": "a\ufffeb\uffffc\U0001f600"}
    receive(json.dumps(sent, ensure_ascii=False).encode(), queue)
    assert json.loads(queue.bodies[0]) == sent


def test_an_event_that_outgrows_the_queue_by_escaping_is_rejected() -> None:
    """Given a body at the limit full of U+FFFF, when escaping makes it longer, then it is rejected."""
    queue = FakeEventQueue()
    room = LARGEST_BODY - len(body_of(padding=""))
    text = json.dumps({**json.loads(body_of()), "padding": "\uffff" * (room // 3)}, ensure_ascii=False)
    with pytest.raises(PayloadRejectedError, match="1 MiB"):
        receive(text.encode(), queue)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(members=st.dictionaries(st.text(), values, max_size=4), ascii_only=st.booleans())
def test_every_json_event_arrives_unchanged(members: dict[str, Any], ascii_only: bool) -> None:
    """Given any JSON event with any text in it, when it is received, then the queue has an equal value."""
    queue = FakeEventQueue()
    sent = {**members, "id": "evt_1", "object": "event", "type": "t"}
    try:
        raw = json.dumps(sent, ensure_ascii=ascii_only).encode()
    except UnicodeEncodeError:  # half a surrogate pair travels only as an escape
        raw = json.dumps(sent).encode()
    receive(raw, queue)
    assert json.loads(queue.bodies[0]) == sent


@given(raw=st.binary(max_size=200))
def test_any_bytes_are_queued_or_rejected(raw: bytes) -> None:
    """Given arbitrary bytes, when they are received, then they are rejected and nothing else is raised."""
    queue = FakeEventQueue()
    with pytest.raises(PayloadRejectedError):
        receive(raw, queue)
    assert queue.bodies == []
