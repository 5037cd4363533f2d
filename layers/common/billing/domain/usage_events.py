"""From an event as it was sent to what the meters read of it, or the reason why it is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from billing.domain.usage import (
    DECIMAL_PLACES,
    FARTHEST_AHEAD,
    INTEGER_DIGITS,
    OLDEST,
    Aggregation,
    Reading,
    UsageEvent,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from billing.domain.usage import UsageMeter

LONGEST_TEXT = 255
"""Characters of an id, a source, a type, and of a value whose different ones are counted."""

MOST_GROUP_BYTES = 500
"""Bytes of all groups of one reading: together with the rest they must fit an index of PostgreSQL."""

# What is no character of a text: controls, halves of surrogate pairs, and Unicode's noncharacters.
UNREADABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_QUANTITY = re.compile(rf"-?[0-9]{{1,{INTEGER_DIGITS}}}(?:\.[0-9]{{1,{DECIMAL_PLACES}}})?")


class Refusal(StrEnum):
    """Why an event is not kept."""

    INVALID_EVENT = "invalid_event"
    """It is no CloudEvent, or has a form that is not read."""
    UNKNOWN_METER = "unknown_meter"
    TOO_OLD = "too_old"
    IN_FUTURE = "in_future"
    INVALID_VALUE = "invalid_value"
    INVALID_GROUP = "invalid_group"
    CONFLICT = "conflict"
    UNKNOWN_EVENT = "unknown_event"
    ALREADY_VOIDED = "already_voided"


@dataclass(frozen=True, slots=True)
class RefusedEvent:
    """An event that is not kept; `field` is the member of the event that is wrong."""

    id: str | None
    refusal: Refusal
    field: str
    reason: str


class RefusedEventError(Exception):
    """Why an event is refused; it never leaves what reads the event."""

    def __init__(self, refusal: Refusal, field: str, reason: str) -> None:
        super().__init__(reason)
        self.refusal = refusal
        self.field = field
        self.reason = reason


class Number(str):
    """A number of JSON, as its digits: canonical, so that equal numbers are equal texts."""

    __slots__ = ()


class SentEvent(NamedTuple):
    """A CloudEvent as it was sent; `time` and `voids` are None where it has none.

    `data` is a value of JSON with its numbers as Number, None where there is none. `digest` differs where
    type, time, subject, voids or data do: what else stands in an event, such as a trace id, may change
    when it is sent again.
    """

    source: str
    id: str
    type: str
    time: datetime | None
    data: object
    voids: str | None
    digest: bytes


def read_event(
    event: SentEvent, meters: Mapping[str, Sequence[UsageMeter]], now: datetime
) -> UsageEvent | RefusedEvent:
    """Return what the meters of its type read of an event, refused whole if one of them cannot.

    `meters` are those of each event type. An event without a time happened now.
    """
    try:
        time = now if event.time is None else _checked_time(event.time, now)
        takes_back_only = event.voids is not None and event.data is None
        readings = () if takes_back_only else _readings(event, meters)
    except RefusedEventError as refused:
        return RefusedEvent(event.id, refused.refusal, refused.field, refused.reason)
    return UsageEvent(event.source, event.id, time, event.digest, readings, event.voids)


def _checked_time(time: datetime, now: datetime) -> datetime:
    if time < now - OLDEST:
        raise RefusedEventError(Refusal.TOO_OLD, "time", f"lies more than {OLDEST.days} days back")
    if time > now + FARTHEST_AHEAD:
        ahead = FARTHEST_AHEAD.seconds // 60
        raise RefusedEventError(Refusal.IN_FUTURE, "time", f"lies more than {ahead} minutes ahead")
    return time


def _readings(event: SentEvent, meters: Mapping[str, Sequence[UsageMeter]]) -> tuple[Reading, ...]:
    own = meters.get(event.type)
    if not own:
        raise RefusedEventError(Refusal.UNKNOWN_METER, "type", "is counted by no meter")
    data = event.data
    return tuple([_reading(meter, data if isinstance(data, dict) else {}) for meter in own])


def _reading(meter: UsageMeter, data: Mapping[str, object]) -> Reading:
    groups = _groups(meter.group_by, data) if meter.group_by else ()
    name = meter.value_property
    match meter.aggregation:
        case Aggregation.COUNT:
            return Reading(meter.name, groups=groups)
        case Aggregation.UNIQUE_COUNT:
            return Reading(meter.name, distinct=_distinct(name, data.get(name)), groups=groups)
        case _:
            return Reading(meter.name, quantity(f"data.{name}", data.get(name)), groups=groups)


def quantity(field: str, value: object) -> Decimal:
    """Return a number, or a text that is a decimal number, exactly.

    Raises
    ------
    RefusedEventError
        It is missing, no number, or has more than INTEGER_DIGITS or DECIMAL_PLACES; `field` names it.
    """
    if isinstance(value, str) and _QUANTITY.fullmatch(value) is not None:
        return Decimal(value)
    reason = "is missing"
    if value is not None:
        reason = (
            f"must be a number or a decimal string of at most {INTEGER_DIGITS} integer digits"
            f" and {DECIMAL_PLACES} decimals"
        )
    raise RefusedEventError(Refusal.INVALID_VALUE, field, reason)


def _distinct(name: str, value: object) -> str:
    if isinstance(value, str) and 0 < len(value) <= LONGEST_TEXT and UNREADABLE.search(value) is None:
        return str(value)
    reason = "is missing"
    if value is not None:
        reason = (
            f"must be a number or a text of 1 to {LONGEST_TEXT} characters, none of them a control character"
        )
    raise RefusedEventError(Refusal.INVALID_VALUE, f"data.{name}", reason)


def _groups(names: Sequence[str], data: Mapping[str, object]) -> tuple[str, ...]:
    groups = tuple([_group(name, data.get(name)) for name in names])
    if sum([len(group.encode()) for group in groups]) > MOST_GROUP_BYTES:
        raise RefusedEventError(
            Refusal.INVALID_GROUP,
            f"data.{names[0]}",
            f"groups have more than {MOST_GROUP_BYTES} bytes together",
        )
    return groups


def _group(name: str, value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str() if UNREADABLE.search(value) is None:
            return str(value)
        case _:
            raise RefusedEventError(
                Refusal.INVALID_GROUP,
                f"data.{name}",
                "must be a text without control characters, a number or a boolean",
            )
