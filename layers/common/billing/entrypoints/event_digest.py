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


def event_digest(payload: Mapping[str, object]) -> str | None:
    """Return the first half of the SHA-256 of what is the same in every copy of the event, in hexadecimal.

    None if the event tells no more than its id and its type (a thin event): there is nothing to compare.
    """
    data = payload.get("data")
    if payload.get("object") != "event" or data is None:
        return None
    said = json.dumps(_said(data), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(said.encode()).hexdigest()[:32]


def _said(value: object) -> object:
    """Return the value without members that say nothing, links and secrets."""
    if isinstance(value, list):
        return [_said(one) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {}
    for name, one in value.items():
        said = _said(one) if isinstance(one, dict | list) else one
        if said is None or said in ({}, []) or name in _SECRETS:
            continue
        if isinstance(said, str) and said.startswith(_LINKS):
            continue
        kept[name] = said
    return kept
