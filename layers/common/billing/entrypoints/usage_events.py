"""What POST usage/events takes: CloudEvents 1.0 in JSON, one or many, in the body or with headers.

The specification is CloudEvents 1.0.2 with its JSON format and HTTP binding. A number is never a float:
it stays the digits that were sent. What is wrong with one event never touches another.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, TypeIs
from urllib.parse import unquote_to_bytes

from billing.domain.errors import InvalidParameterError
from billing.domain.usage import MOST_EVENTS, Recorded
from billing.domain.usage_events import (
    LONGEST_TEXT,
    UNREADABLE,
    Refusal,
    RefusedEvent,
    RefusedEventError,
    SentEvent,
)
from billing.entrypoints.json_body import Parsed, has_repeated, is_json, json_media_type, parsed
from billing.entrypoints.observability import count
from billing.entrypoints.problems import EventRefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from billing.entrypoints.http import Request

_ONE = "application/cloudevents+json"
_MANY = "application/cloudevents-batch+json"
_DIGEST_BYTES = 16
_SHOWN = 40

_PLAIN = frozenset({"specversion", "id", "source", "type", "time", "subject", "voids", "data"})
_ATTRIBUTE_NAME = re.compile(r"[a-z0-9]+", re.ASCII)
# RFC 3986, appendix A: the characters of a URI-reference, with one fragment at most.
_URI_REFERENCE = re.compile(
    r"(?:[A-Za-z0-9._~:/?@!$&'()*+,;=\[\]-]|%[0-9A-Fa-f]{2})*"
    r"(?:#(?:[A-Za-z0-9._~:/?@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)?"
)
# RFC 3339, section 5.6; the offset is not optional.
_TIME = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,18})?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
# What was parsed has no circles; looking for them takes as long as the rest.
_CANONICAL = json.JSONEncoder(sort_keys=True, check_circular=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class SentEvents:
    """The events of one request, each read or refused; `single` if one was sent that was no batch."""

    single: bool
    events: tuple[SentEvent | RefusedEvent, ...]


def usage_events(request: Request) -> SentEvents:
    """Return what was sent.

    Raises
    ------
    BodyTooLargeError, UnsupportedMediaTypeError, MalformedBodyError
        The body cannot be read; see json_body.
    InvalidParameterError
        It is JSON, but not as many events as the Content-Type says, or more than MOST_EVENTS.
    """
    media_type = json_media_type(request)
    if media_type not in {_ONE, _MANY} and "ce-specversion" in request.headers:
        body = parsed(request.body) if request.body else Parsed(None, repeated=False)
        attributes = _header_attributes(request.headers) | {"data": body.value}
        return SentEvents(single=True, events=(_read(attributes, repeated=body.repeated),))
    body = parsed(request.body)
    if isinstance(body.value, dict) and media_type != _MANY:
        return SentEvents(single=True, events=(_read(body.value, repeated=body.repeated),))
    if not isinstance(body.value, list) or media_type == _ONE:
        what = "an array of events" if media_type == _MANY else "an event"
        raise InvalidParameterError("body", f"must be {what} for this Content-Type")
    if len(body.value) > MOST_EVENTS:
        raise InvalidParameterError("body", f"must be at most {MOST_EVENTS} events")
    events = [_read(event, repeated=body.repeated) for event in body.value]
    return SentEvents(single=False, events=tuple(events))


def answer(sent: SentEvents, outcomes: Sequence[Recorded | RefusedEvent]) -> dict[str, object]:
    """Return the body of POST usage/events.

    Raises
    ------
    EventRefusedError
        The event was the only one and no batch, and is not kept.
    """
    refused = [(place, each) for place, each in enumerate(outcomes) if isinstance(each, RefusedEvent)]
    accepted, duplicates = outcomes.count(Recorded.ACCEPTED), outcomes.count(Recorded.DUPLICATE)
    count("UsageEventsAccepted", accepted)
    count("UsageEventsDuplicate", duplicates)
    count("UsageEventsRefused", len(refused))
    if sent.single and refused:
        only = refused[0][1]
        error = InvalidParameterError(only.field, only.reason)
        raise EventRefusedError(only.refusal.value, error, taken=only.refusal is Refusal.CONFLICT)
    return {
        "accepted": accepted,
        "duplicates": duplicates,
        "errors": [
            {
                "index": place,
                "id": each.id,
                "code": each.refusal.value,
                "field": each.field,
                "detail": f"{each.field}: {each.reason}",
            }
            for place, each in refused
        ],
    }


def _read(sent: object, *, repeated: bool) -> SentEvent | RefusedEvent:
    """Return the event; only where the request has a `repeated` member it is looked for in this event."""
    try:
        if repeated and has_repeated(sent):
            raise _invalid("event", "has a member twice")
        return _event(sent)
    except RefusedEventError as refused:
        found = sent.get("id") if isinstance(sent, dict) else None
        event_id = found if _is_text(found) else None
        return RefusedEvent(event_id, refused.refusal, refused.field, refused.reason)


def _event(sent: object) -> SentEvent:
    if not isinstance(sent, dict):
        raise _invalid("event", "must be an object")
    get = sent.get
    source, event_id, kind, data = get("source"), get("id"), get("type"), get("data")
    subject, voids, sent_time = get("subject"), get("voids"), get("time")
    if get("specversion") != "1.0":
        raise _invalid("specversion", 'must be "1.0"')
    if not _is_text(event_id):
        raise _invalid("id", _text_rule(event_id))
    if not (type(source) is str and len(source) <= LONGEST_TEXT and _is_source(source)):
        raise _invalid("source", _source_rule(source))
    if not (type(kind) is str and len(kind) <= LONGEST_TEXT and _is_type(kind)):
        raise _invalid("type", _text_rule(kind))
    if subject is not None and not _is_text(subject):
        raise _invalid("subject", _text_rule(subject))
    if voids is not None and (not _is_text(voids) or voids == event_id):
        raise _invalid("voids", "is the event's own id" if voids == event_id else _text_rule(voids))
    if not sent.keys() <= _PLAIN:
        _check_others(sent)
    time = None if sent_time is None else _time(sent_time)
    content = (kind, None if time is None else str(time), subject, voids, data)
    try:
        digest = blake2b(_CANONICAL.encode(content).encode(), digest_size=_DIGEST_BYTES).digest()
    except RecursionError:
        raise _invalid("data", "is nested too deeply") from None
    return SentEvent(source, event_id, kind, time, data, voids, digest)


def _is_text(value: object) -> TypeIs[str]:
    # A Number is no text; nearly every text is printable, which is quicker to see.
    return (
        type(value) is str
        and 0 < len(value) <= LONGEST_TEXT
        and (value.isprintable() or UNREADABLE.search(value) is None)
    )


# A request has few sources and types. What is too long is not asked for, so that none is kept in memory.
_is_type = lru_cache(maxsize=256)(_is_text)


@lru_cache(maxsize=256)
def _is_source(value: str) -> bool:
    return value != "" and _URI_REFERENCE.fullmatch(value) is not None


def _source_rule(value: object) -> str:
    return "is missing" if value is None else f"must be a URI reference of 1 to {LONGEST_TEXT} characters"


def _text_rule(value: object) -> str:
    if value is None:
        return "is missing"
    return f"must be a text of 1 to {LONGEST_TEXT} characters, none of them a control character"


def _check_others(sent: Mapping[str, object]) -> None:
    """Check the attributes that nothing here reads."""
    if "data_base64" in sent:
        raise _invalid("data_base64", "is not read: send JSON as data")
    media_type = sent.get("datacontenttype")
    if media_type is not None and not (isinstance(media_type, str) and is_json(media_type)):
        raise _invalid("datacontenttype", "must be JSON")
    for name in sent.keys() - _PLAIN:
        if _ATTRIBUTE_NAME.fullmatch(name) is None:
            raise _invalid(_shown(name), "is no attribute: names have lower-case letters and digits only")
        value = sent[name]
        if not (value is None or isinstance(value, (str, bool))):
            raise _invalid(_shown(name), "must be a text, a number or a boolean")


def _time(value: object) -> datetime:
    if isinstance(value, str) and _TIME.fullmatch(value) is not None:
        try:
            moment = datetime.fromisoformat(value.upper())
            return moment if moment.tzinfo is UTC else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise _invalid("time", "must be a time of RFC 3339 with its offset, such as 2025-01-31T00:00:00Z")


def _header_attributes(headers: Mapping[str, str]) -> dict[str, object]:
    """Return the attributes of the binary mode: those of `ce-` headers, and the type of the data."""
    attributes: dict[str, object] = {
        name.removeprefix("ce-"): _header_text(value)
        for name, value in headers.items()
        if name.startswith("ce-")
    }
    return attributes | {"datacontenttype": headers.get("content-type")}


def _header_text(value: str) -> str:
    quoted = _QUOTED.fullmatch(value)
    if quoted is not None:
        value = re.sub(r"\\(.)", r"\1", quoted[1])
    try:
        return unquote_to_bytes(value).decode()
    except UnicodeError:
        return "\0"  # a character that no attribute may have


def _shown(name: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in name[:_SHOWN])


def _invalid(field: str, reason: str) -> RefusedEventError:
    return RefusedEventError(Refusal.INVALID_EVENT, field, reason)
