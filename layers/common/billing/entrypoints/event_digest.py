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

_SECRETS = frozenset(("client_secret",))
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


def _said(value: object) -> object:
    """Return the value without members that say nothing, links and secrets."""
    if isinstance(value, dict):
        return _members(value)
    return _elements(value) if isinstance(value, list) else value


def _members(members: Mapping[str, object]) -> dict[str, object]:
    kept: dict[str, object] = {}
    for name, value in members.items():
        if isinstance(value, str):
            if not (name in _SECRETS or value.startswith(_LINKS)):
                kept[name] = value
        elif isinstance(value, dict):
            if said := _members(value):
                kept[name] = said
        elif isinstance(value, list):
            if value:
                kept[name] = _elements(value)
        elif value is not None:
            kept[name] = value
    return kept


def _elements(values: list[object]) -> list[object]:
    return [_said(value) for value in values]
