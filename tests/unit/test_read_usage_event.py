"""What meters read of an event, and which events they refuse."""

from __future__ import annotations

from copy import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from billing.domain.usage import Aggregation, Reading, UsageEvent, UsageMeter
from billing.domain.usage_events import Number, Refusal, RefusedEvent, SentEvent, read_event

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CALLS = UsageMeter("calls", "Calls", "api_calls", Aggregation.SUM)
METERS = {
    "api_calls": [CALLS],
    "count": [UsageMeter("count", "Count", "count", Aggregation.COUNT)],
    "users": [UsageMeter("users", "Users", "users", Aggregation.UNIQUE_COUNT, value_property="user")],
    "grouped": [
        UsageMeter("grouped", "Grouped", "grouped", Aggregation.MAX, group_by=("region", "model")),
        UsageMeter("grouped_count", "Count", "grouped", Aggregation.COUNT),
    ],
}
EVENT = SentEvent("/app", "e1", "api_calls", NOW, {"value": Number("5")}, None, b"d" * 16)


def readings(event: SentEvent) -> tuple[Reading, ...]:
    read = read_event(event, METERS, NOW)
    assert isinstance(read, UsageEvent), read
    return read.readings


def refused(event: SentEvent) -> tuple[Refusal, str]:
    read = read_event(event, METERS, NOW)
    assert isinstance(read, RefusedEvent), read
    assert (read.id, bool(read.reason)) == (event.id, True)
    return read.refusal, read.field


def test_an_event_without_a_time_happened_now() -> None:
    """Given an event without a time, when it is read, then it happened when it was recorded."""
    read = read_event(replace(EVENT, time=None), METERS, NOW)
    assert isinstance(read, UsageEvent)
    assert read.time == NOW


@pytest.mark.parametrize(
    ("offset", "expected"),
    [
        (timedelta(days=-35), None),
        (timedelta(days=-35, microseconds=-1), Refusal.TOO_OLD),
        (timedelta(minutes=5), None),
        (timedelta(minutes=5, microseconds=1), Refusal.IN_FUTURE),
    ],
)
def test_a_time_outside_the_window_is_refused_by_name(offset: timedelta, expected: Refusal | None) -> None:
    """Given times at both ends of the window, when read, then one microsecond beyond is refused."""
    event = replace(EVENT, time=NOW + offset)
    if expected is None:
        assert readings(event)
    else:
        assert refused(event) == (expected, "time")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Number("5"), "5"),
        (Number("-0.25"), "-0.25"),
        ("12.500000000001", "12.500000000001"),
        ("999999999999999.999999999999", "999999999999999.999999999999"),
    ],
)
def test_a_quantity_is_exact(value: object, expected: str) -> None:
    """Given a number or a decimal string, when a sum reads it, then it is exactly that decimal."""
    assert readings(replace(EVENT, data={"value": value})) == (Reading("calls", Decimal(expected)),)


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        {"value": None},
        {"value": "five"},
        {"value": ""},
        {"value": "1e3"},
        {"value": " 5"},
        {"value": "+5"},
        {"value": "\N{ARABIC-INDIC DIGIT FIVE}"},
        {"value": True},
        {"value": [Number("5")]},
        {"value": {"value": Number("5")}},
        {"value": Number("1000000000000000")},
        {"value": Number("0.0000000000001")},
        {"value": Number("1e999999999999999999999")},
        Number("5"),
        [Number("5")],
        "5",
    ],
)
def test_a_value_that_is_no_quantity_is_refused_by_name(data: object) -> None:
    """Given data without a value of at most 15 and 12 digits, when read, then data.value is named."""
    assert refused(replace(EVENT, data=data)) == (Refusal.INVALID_VALUE, "data.value")


def test_a_type_that_no_meter_counts_is_refused() -> None:
    """Given an event of an unknown type, when it is read, then its type is named."""
    assert refused(replace(EVENT, type="other")) == (Refusal.UNKNOWN_METER, "type")


def test_a_count_needs_no_data() -> None:
    """Given an event that is only counted, when it has no data, then it is read."""
    assert readings(replace(EVENT, type="count", data=None)) == (Reading("count"),)


@pytest.mark.parametrize(("value", "expected"), [("u-1", "u-1"), (Number("17"), "17"), ("é", "é")])
def test_a_different_value_is_a_text(value: object, expected: str) -> None:
    """Given a text or a number, when a meter counts different ones, then it is read as a text."""
    event = replace(EVENT, type="users", data={"user": value})
    assert readings(event) == (Reading("users", distinct=expected),)


@pytest.mark.parametrize("value", [None, "", "a\x1fb", "\ud800", True, {}, [], "x" * 256])
def test_a_different_value_that_is_no_text_is_refused(value: object) -> None:
    """Given no text, or one with a control character, when read, then the property is named."""
    assert refused(replace(EVENT, type="users", data={"user": value})) == (Refusal.INVALID_VALUE, "data.user")


def test_groups_are_texts_in_the_meters_order_and_every_meter_reads() -> None:
    """Given two meters of a type, when an event is read, then both have a reading, with its groups."""
    data = {"value": Number("3"), "region": True, "more": "x"}
    assert readings(replace(EVENT, type="grouped", data=data)) == (
        Reading("grouped", Decimal(3), groups=("true", "")),
        Reading("grouped_count"),
    )


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"region": "a\nb"}, "data.region"),
        ({"model": {"a": "b"}}, "data.model"),
        ({"region": "é" * 251}, "data.region"),
    ],
)
def test_a_group_that_is_no_short_text_refuses_the_whole_event(data: dict[str, object], field: str) -> None:
    """Given a group that one of two meters cannot read, when read, then the event is refused whole."""
    event = replace(EVENT, type="grouped", data={"value": Number("1"), **data})
    assert refused(event) == (Refusal.INVALID_GROUP, field)


def test_an_event_that_only_voids_reads_nothing() -> None:
    """Given an event that voids another, when it has no data, then it has no readings; with data it has."""
    assert readings(replace(EVENT, voids="e0", data=None, type="anything")) == ()
    assert readings(replace(EVENT, voids="e0")) == (Reading("calls", Decimal(5)),)
