"""Receive a delivery of Stripe: verify it, put it on the queue, nothing else."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from billing.domain.errors import PayloadRejectedError

if TYPE_CHECKING:
    from billing.use_cases.mirror_ports import EventQueue, WebhookVerifier

LARGEST_BODY = 1_048_576
"""Bytes of UTF-8 that one message holds: 1 MiB, the limit of Amazon SQS for a message (SendMessage)."""

LONGEST_ID = 255
"""Characters of an event's id or type (Stripe: ids are at most 255 characters)."""

_EVENTS = ("event", "v2.core.event")
"""The object names of Stripe's events; the second tell what they are about only to whoever fetches them."""

# Characters that JSON allows raw in a string and SQS refuses in a message; elsewhere JSON has no room
# for them. (SQS takes #x9 | #xA | #xD | #x20-#xD7FF | #xE000-#xFFFD | #x10000-#x10FFFF.)
_ESCAPES = {0xFFFE: r"\ufffe", 0xFFFF: r"\uffff"}


@dataclass(frozen=True, slots=True)
class Received:
    """What was put on the queue."""

    event_id: str
    event_type: str


class ReceiveStripeEvent:
    """Takes a delivery only if Stripe signed it and the queue has it."""

    def __init__(self, verifier: WebhookVerifier, queue: EventQueue) -> None:
        self._verifier = verifier
        self._queue = queue

    def __call__(self, payload: bytes, signature: str | None) -> Received:
        """Return what was received once the queue has it; `payload` is the raw body.

        Raises
        ------
        SignatureRejectedError
            The signature does not hold; nothing of the body was looked at.
        PayloadRejectedError
            The body is empty, over 1 MiB, not UTF-8, or not a JSON event.
        UnavailableError
            The secrets cannot be read or the queue does not take it; Stripe must try again.
        """
        self._verifier.verify(payload, signature)
        if not payload:
            raise PayloadRejectedError("The body is empty.")
        if len(payload) > LARGEST_BODY:
            raise PayloadRejectedError("The body is larger than 1 MiB.")
        try:
            text = payload.decode()
        except UnicodeDecodeError:
            raise PayloadRejectedError("The body is not UTF-8.") from None
        received = _read(text)
        body = text.translate(_ESCAPES)
        if len(body) != len(text) and len(body.encode()) > LARGEST_BODY:
            raise PayloadRejectedError("The body is larger than 1 MiB.")
        self._queue.put(body)
        return received


def _read(text: str) -> Received:
    try:
        event = json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
    except (ValueError, RecursionError):
        raise PayloadRejectedError("The body is not JSON.") from None
    if not isinstance(event, dict) or event.get("object") not in _EVENTS:
        raise PayloadRejectedError("The body is not an event of Stripe.")
    return Received(event_id=_name(event, "id"), event_type=_name(event, "type"))


def _name(event: dict[str, object], key: str) -> str:
    value = event.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_ID or not value.isprintable():
        raise PayloadRejectedError(f"The event's {key} is missing or not a short text.")
    return value


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        # Two readers may take two different values of one name.
        raise ValueError("a name stands twice")
    return members


def _constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
