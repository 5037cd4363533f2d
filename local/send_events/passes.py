"""What one pass sends: events with ids of its own, in an order of its own, and where they must lead."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.send_events.source import Json, Recorded

_PREFIXES = {
    "charge": "ch",
    "credit_note": "cn",
    "credit_note_line_item": "cnli",
    "customer": "cus",
    "invoice": "in",
    "invoice_payment": "inpay",
    "invoiceitem": "ii",
    "line_item": "il",
    "payment_intent": "pi",
    "subscription": "sub",
    "subscription_item": "si",
}
_REFERENCES = {
    "charge": "charge",
    "customer": "customer",
    "invoice": "invoice",
    "invoice_item": "invoiceitem",
    "latest_charge": "charge",
    "payment_intent": "payment_intent",
    "subscription": "subscription",
}
MIRRORED = (
    "customer",
    "invoice",
    "subscription",
    "invoice_payment",
    "credit_note",
    "payment_intent",
    "charge",
)
"""The mirrored kinds that the real sequences tell of."""

_DELETIONS = {"customer.deleted", "invoice.deleted"}


class Order(StrEnum):
    """In which order a pass sends its events."""

    IN_ORDER = "in-order"
    SHUFFLED = "shuffled"
    TWICE = "twice"


@dataclass(frozen=True, slots=True)
class Pass:
    """`deliveries` in the order of sending; `states` is the last state of each mirrored object."""

    order: Order
    deliveries: tuple[Json, ...]
    states: tuple[Json, ...]

    @property
    def event_ids(self) -> list[str]:
        """The ids of the pass's events, each once."""
        return list({event["id"]: None for event in self.deliveries})


def plan(order: Order, recorded: Sequence[Recorded], seed: int) -> Pass:
    """Return what a pass sends; the same seed gives the same ids and the same order."""
    events = [_own(item, position, order, seed) for position, item in enumerate(recorded)]
    states: dict[tuple[str, str], Json] = {}
    for event in events:
        obj = event["data"]["object"]
        if obj["object"] in MIRRORED:
            gone = {"id": obj["id"], "object": obj["object"], "deleted": True}
            states[obj["object"], obj["id"]] = gone if event["type"] in _DELETIONS else obj
    chance = random.Random(f"{seed}/{order}")  # noqa: S311 - an order that can be repeated, not a secret
    return Pass(order, tuple(_ordered(events, order, chance)), tuple(states.values()))


def _ordered(events: list[Json], order: Order, chance: random.Random) -> list[Json]:
    match order:
        case Order.IN_ORDER:
            return events
        case Order.SHUFFLED:
            return chance.sample(events, len(events))
        case Order.TWICE:
            # Two senders go through the list side by side, each at its own pace.
            streams = [iter(events), iter(events)]
            turns = [0] * len(events) + [1] * len(events)
            chance.shuffle(turns)
            return [next(streams[turn]) for turn in turns]


def _own(item: Recorded, position: int, order: Order, seed: int) -> Json:
    scope = f"{seed}/{order}/{item.sequence}"
    event: Json = _renamed(item.event, scope)
    return {**event, "id": f"evt_{_digest(scope, 'event', str(position))}"}


def _renamed(node: Any, scope: str) -> Any:
    """Return the JSON with the ids of mirrored objects, and the references to them, made the scope's own."""
    if isinstance(node, list):
        return [_renamed(child, scope) for child in node]
    if not isinstance(node, dict):
        return node
    renamed: Json = {
        key: _id(_REFERENCES[key], value, scope)
        if key in _REFERENCES and isinstance(value, str)
        else _renamed(value, scope)
        for key, value in node.items()
    }
    kind = node.get("object")
    if isinstance(kind, str) and kind in _PREFIXES and isinstance(node.get("id"), str):
        renamed["id"] = _id(kind, node["id"], scope)
        for name in ("lines", "items"):
            if isinstance(renamed.get(name), dict):
                renamed[name]["data"] = _told_apart(renamed[name]["data"], f"{scope}/{renamed['id']}")
    return renamed


def _told_apart(children: list[Json], scope: str) -> list[Json]:
    """Return an object's lines with ids that differ: the recordings gave some lines one id."""
    return [
        {**child, "id": _id(child["object"], f"{child['id']}/{position}", scope)}
        for position, child in enumerate(children)
    ]


def _id(kind: str, original: str, scope: str) -> str:
    return f"{_PREFIXES[kind]}_{_digest(scope, kind, original)}"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]
