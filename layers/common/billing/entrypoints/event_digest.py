"""What all copies of one event have in common, as a digest.

A retry, a second endpoint and Stripe's list tell one event in other bytes: `pending_webhooks`, `request` and
the order of the members differ, links are signed anew each time, and a member that Stripe has added meanwhile
is there as null or empty. What is left of `data` is the same for ever in one API version, and not comparable
with another one.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECRET = "client_secret"  # noqa: S105 - a member's name
_LINKS = ("https://", "http://")
_encode = json.JSONEncoder(sort_keys=True, check_circular=False, separators=(",", ":")).encode


def event_digest(payload: Mapping[str, object]) -> str | None:
    """Return the first half of the SHA-256 of what is the same in every copy of the event, in hexadecimal.

    None if the event tells no more than its id and its type (a thin event): there is nothing to compare.
    """
    data = payload.get("data")
    if payload.get("object") != "event" or data is None:
        return None
    return hashlib.sha256(_encode(_said(data)).encode()).hexdigest()[:32]


# Every event pays for it: by the types that JSON has, and the most frequent first.
def _said(value: object) -> object:
    """Return the value without members that say nothing, links and secrets."""
    if type(value) is dict:
        return _members(value)
    return [_said(each) for each in value] if type(value) is list else value


def _members(members: Mapping[str, object]) -> dict[str, object]:
    kept: dict[str, object] = {}
    for name, value in members.items():
        if value is None:
            continue
        kind = type(value)
        if kind is str:
            if not value.startswith(_LINKS):  # type: ignore[attr-defined] # a str by its type
                kept[name] = value
        elif kind is dict:
            if said := _members(value):  # type: ignore[arg-type] # a dict
                kept[name] = said
        elif kind is list:
            if value:
                kept[name] = _said(value)
        else:
            kept[name] = value
    if type(kept.get(_SECRET)) is str:
        del kept[_SECRET]
    return kept
