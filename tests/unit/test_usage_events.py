"""What POST usage/events takes, as bytes: CloudEvents 1.0 in every mode, and anything else."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.errors import InvalidParameterError
from billing.domain.usage import MOST_EVENTS
from billing.domain.usage_events import Refusal, RefusedEvent, SentEvent, quantity
from billing.entrypoints.http import Request
from billing.entrypoints.json_body import LARGEST_BODY
from billing.entrypoints.problems import (
    BodyTooLargeError,
    MalformedBodyError,
    UnsupportedMediaTypeError,
)
from billing.entrypoints.usage_events import usage_events

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from billing.entrypoints.usage_events import SentEvents

ONE = "application/cloudevents+json"
MANY = "application/cloudevents-batch+json"
EVENT = {"specversion": "1.0", "id": "e1", "source": "/app", "type": "api_calls", "data": {"value": 5}}


def read(
    body: bytes | object, content_type: str = "application/json", headers: Mapping[str, str] | None = None
) -> SentEvents:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return usage_events(Request(None, {}, "", {"content-type": content_type, **(headers or {})}, content))


def only(body: bytes | object, content_type: str = ONE, **more: Any) -> SentEvent | RefusedEvent:
    sent = read(body, content_type, **more)
    assert sent.single
    [event] = sent.events
    return event


def kept(body: bytes | object, content_type: str = ONE, **more: Any) -> SentEvent:
    event = only(body, content_type, **more)
    assert isinstance(event, SentEvent), event
    return event


def refused(**changes: object) -> tuple[str, str]:
    event = only({**EVENT, **changes})
    assert isinstance(event, RefusedEvent), event
    return event.refusal.value, event.field


@pytest.mark.parametrize(
    "content_type", [ONE, f"{ONE}; charset=UTF-8", "application/json", "Application/JSON"]
)
def test_one_event_is_read_in_the_structured_mode(content_type: str) -> None:
    """Given an event as JSON, when it is read under its type or plain JSON's, then it is the one event."""
    event = kept(EVENT, content_type)
    assert (event.source, event.id, event.type, event.data) == ("/app", "e1", "api_calls", {"value": "5"})
    assert (event.time, event.voids) == (None, None)


@pytest.mark.parametrize("content_type", [MANY, f"{MANY};charset=utf-8", "application/json"])
def test_a_batch_is_read_in_order(content_type: str) -> None:
    """Given an array of events, also an empty one, when it is read, then each is there in its place."""
    sent = read([{**EVENT, "id": f"e{n}"} for n in range(3)], content_type)
    assert [event.id for event in sent.events] == ["e0", "e1", "e2"]
    assert not sent.single
    assert read([], content_type).events == ()


def test_the_binary_mode_is_the_same_event() -> None:
    """Given attributes as headers and the data as body, when read, then it is what the JSON says."""
    headers = {f"ce-{name}": str(value) for name, value in EVENT.items() if name != "data"}
    headers |= {
        "ce-time": "2026-03-01T12:00:00Z",
        "ce-subject": "%E2%82%AC%20%22a%22",
        "ce-traceparent": "00-1",
    }
    event = kept(b'{"value": 5}', "application/json; charset=utf-8", headers=headers)
    written = {**EVENT, "time": "2026-03-01T12:00:00Z", "subject": '€ "a"', "traceparent": "00-1"}
    assert event == kept(written)
    assert kept(b'{"value": 5}', "application/json", headers=headers | {"ce-subject": '"€ \\"a\\""'}) == event


def test_the_binary_mode_may_have_no_data() -> None:
    """Given headers that void an event and no body, when read, then there is no data."""
    headers = {"ce-specversion": "1.0", "ce-id": "v1", "ce-source": "/app", "ce-type": "t", "ce-voids": "e1"}
    event = kept(b"", "application/json", headers=headers)
    assert (event.voids, event.data) == ("e1", None)


def test_a_header_that_is_not_utf8_below_its_percent_signs_is_refused() -> None:
    """Given an overlong encoding in a header, when read, then the event is refused by the attribute."""
    headers = {"ce-specversion": "1.0", "ce-id": "%C0%A0", "ce-source": "/app", "ce-type": "t"}
    event = only(b"", "application/json", headers=headers)
    assert isinstance(event, RefusedEvent)
    assert (event.refusal, event.field) == (Refusal.INVALID_EVENT, "id")


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("specversion", None),
        ("specversion", "0.3"),
        ("specversion", 1.0),
        ("id", None),
        ("id", ""),
        ("id", 7),
        ("id", "a\x00b"),
        ("id", "a\ud800"),
        ("id", "x" * 256),
        ("source", None),
        ("source", ""),
        ("source", "two words"),
        ("source", "/grün"),
        ("source", "/a#b#c"),
        ("source", "/%zz"),
        ("source", "/" + "x" * 255),
        ("type", None),
        ("type", ""),
        ("type", {}),
        ("time", "yesterday"),
        ("time", "2026-03-01"),
        ("time", "2026-03-01T12:00:00"),
        ("time", "2026-03-01T12:00:00123Z"),
        ("time", "2026-02-30T12:00:00Z"),
        ("time", "0001-01-01T00:00:00+01:00"),
        ("time", 1_770_000_000),
        ("subject", ""),
        ("subject", []),
        ("voids", ""),
        ("voids", "e1"),
        ("datacontenttype", "application/xml"),
        ("datacontenttype", 5),
        ("data_base64", "eyJ2YWx1ZSI6IDV9"),
        ("Region", "eu"),
        ("trace-parent", "00"),
        ("region", {"a": 1}),
        ("region", ["eu"]),
    ],
)
def test_an_attribute_that_breaks_the_specification_is_named(attribute: str, value: object) -> None:
    """Given an event with one thing wrong, when it is read, then it is refused, and the field is named."""
    assert refused(**{attribute: value}) == ("invalid_event", attribute)


@pytest.mark.parametrize(
    "source",
    [
        "https://github.com/cloudevents",
        "mailto:cncf-wg-serverless@lists.cncf.io",
        "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66",
        "/sensors/tn-1234567/alerts",
        "1-555-123-4567",
        "//example.com/a?b=c%20d#e",
        "https://[2001:db8::1]/x",
    ],
)
def test_the_specifications_sources_are_taken(source: str) -> None:
    """Given the examples of the specification, when they are read, then they are sources."""
    assert kept({**EVENT, "source": source}).source == source


def test_null_is_as_good_as_absent() -> None:
    """Given optional attributes that are null, when read, then the event is the same as without them."""
    nulls = dict.fromkeys(("time", "subject", "voids", "datacontenttype", "dataschema", "region"))
    assert kept({**EVENT, **nulls}) == kept(EVENT)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01T12:00:00Z", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("2026-03-01t12:00:00.5z", datetime(2026, 3, 1, 12, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-03-01T13:00:00.123456789+01:00", datetime(2026, 3, 1, 12, 0, 0, 123_456, tzinfo=UTC)),
        ("2026-02-28T23:59:59-12:30", datetime(2026, 3, 1, 12, 29, 59, tzinfo=UTC)),
    ],
)
def test_a_time_is_utc_and_cut_to_microseconds(text: str, expected: datetime) -> None:
    """Given a time of RFC 3339, when it is read, then it is the instant in UTC, in microseconds."""
    time = kept({**EVENT, "time": text}).time
    assert time == expected
    assert time.tzinfo is UTC


def test_what_tells_two_events_apart_is_their_content() -> None:
    """Given an event, when anything of its content changes, then its digest does; else it stays."""
    digest = kept(EVENT).digest
    assert len(digest) == 16
    for change in (
        {"type": "other"},
        {"time": "2026-03-01T12:00:00Z"},
        {"subject": "s"},
        {"voids": "e0"},
        {"data": {"value": 6}},
        {"data": {"value": 5, "region": "eu"}},
        {"data": {"value": [5]}},
        {"data": None},
    ):
        assert kept({**EVENT, **change}).digest != digest, change
    for same in ({"traceparent": "00-2"}, {"dataschema": "urn:x"}, {"datacontenttype": "application/json"}):
        assert kept({**EVENT, **same}).digest == digest, same


def test_the_same_content_written_otherwise_is_the_same() -> None:
    """Given members in another order, 5.0 for 5 and an offset for Z, when read, then digests are equal."""
    head = b'{"specversion":"1.0","id":"e1","source":"/app","type":"api_calls",'
    first = kept(head + b'"time":"2026-03-01T12:00:00Z","data":{"a":{"x":1,"y":2},"value":5}}')
    second = kept(head + b'"data":{"value":5.0,"a":{"y":2e0,"x":1}},"time":"2026-03-01T13:00:00.000+01:00"}')
    assert first.digest == second.digest


@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, min_value=-(10**15) + 1, max_value=10**15 - 1, places=12
    )
)
def test_a_number_is_never_a_float(number: Decimal) -> None:
    """Given a number of up to 15 and 12 digits, when it is read, then it is exact to the last."""
    body = json.dumps(EVENT).replace('"value": 5', f'"value": {number:f}').encode()
    data = kept(body).data
    assert isinstance(data, dict)
    assert quantity("data.value", data["value"]) == number


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"not json",
        b'{"value": NaN}',
        b'{"value": Infinity}',
        b'{"value": -Infinity}',
        b"\xff\xfe",
        b'{"id": "\xff"}',
        b"[" * 100_000,
        '[{"id": "é"}]'.encode("utf-16"),
    ],
)
def test_what_is_no_json_is_refused_whole(body: bytes) -> None:
    """Given a body that is no JSON in UTF-8, when it is read, then all of it is malformed."""
    with pytest.raises(MalformedBodyError):
        read(body)


def test_a_body_of_over_a_megabyte_is_not_read() -> None:
    """Given bodies of LARGEST_BODY bytes and of one more, when read, then only the second is too large."""
    padding = LARGEST_BODY - len(json.dumps([EVENT]))
    assert len(read(json.dumps([EVENT]).encode() + b" " * padding).events) == 1
    with pytest.raises(BodyTooLargeError):
        read(json.dumps([EVENT]).encode() + b" " * (padding + 1))


@pytest.mark.parametrize("content_type", ["application/cloudevents+avro", "text/plain", "", "json"])
def test_another_content_type_is_not_read(content_type: str) -> None:
    """Given a Content-Type that is not JSON's, when the body is read, then it is not."""
    with pytest.raises(UnsupportedMediaTypeError):
        read(EVENT, content_type)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (EVENT, MANY),
        ([EVENT], ONE),
        ("text", "application/json"),
        (5, "application/json"),
        ([EVENT] * (MOST_EVENTS + 1), "application/json"),
    ],
)
def test_json_that_is_not_as_many_events_as_it_may_be_is_refused_by_name(
    body: object, content_type: str
) -> None:
    """Given a batch for one, one for a batch, no events, or 1,001, when read, then the body is named."""
    with pytest.raises(InvalidParameterError) as refusal:
        read(body, content_type)
    assert refusal.value.field == "body"


def test_a_member_that_is_there_twice_spoils_its_event_only() -> None:
    """Given a batch in which one event has a member twice, deep down, when read, then only it falls."""
    good = json.dumps(EVENT)
    twice = good.replace('{"value": 5}', '{"value": 5, "more": [{"a": 1, "a": 2}]}')
    sent = read(f"[{good}, {twice}, {good}]".encode())
    assert [isinstance(event, SentEvent) for event in sent.events] == [True, False, True]
    assert isinstance(sent.events[1], RefusedEvent)
    assert sent.events[1].refusal is Refusal.INVALID_EVENT


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_events = st.fixed_dictionaries(
    {},
    optional={
        "specversion": st.sampled_from(["1.0", "0.3"]) | _values,
        "id": st.text() | _values,
        "source": st.sampled_from(["/app", "https://example.com/x"]) | _values,
        "type": st.just("api_calls") | _values,
        "time": st.datetimes().map(lambda moment: f"{moment.isoformat()}Z") | _values,
        "subject": _values,
        "voids": _values,
        "data": _values,
        "datacontenttype": st.just("application/json") | _values,
        "extra": _values,
        "Not-A-Name": _values,
    },
)


@given(st.lists(_events | _values, max_size=6))
def test_whatever_is_in_a_batch_each_event_is_read_or_refused_by_itself(batch: list[object]) -> None:
    """Given any JSON as events of a batch, when it is read, then none spoils another or breaks the reader."""
    sent = read(batch, MANY)
    alone = [read([event], MANY).events[0] for event in batch]
    assert list(sent.events) == alone
    for event in sent.events:
        if isinstance(event, RefusedEvent):
            assert event.field
            assert event.reason


@given(st.binary(max_size=300), st.sampled_from([ONE, MANY, "application/json", "text/xml"]))
def test_any_bytes_are_read_or_refused_as_such(body: bytes, content_type: str) -> None:
    """Given any bytes, when they are read, then they are events, or refused by an error that has a status."""
    with suppress(MalformedBodyError, UnsupportedMediaTypeError, InvalidParameterError):
        assert isinstance(read(body, content_type).events, tuple)
