"""Whether the mirror is Stripe's state, field for field, and every event in the inbox once.

The rows are read as they stand and compared with the snapshot that the real reader makes of Stripe's final
state. How a member of a snapshot maps to a column is told here once more, apart from the code that writes it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any

from billing.adapters.stripe.event_types import API_VERSION, DELETION_TYPES, SNAPSHOT_TYPES
from billing.adapters.stripe.events import read_object
from billing.adapters.stripe.objects import PATHS
from billing.domain.credit_notes import CreditNote
from billing.domain.invoices import DiscountAmount, Invoice, Tax
from billing.domain.lifecycles import kind_of
from billing.domain.mirror import Deletion, ObjectKind
from billing.domain.money import Money
from billing.domain.payment_methods import PaymentMethod
from billing.domain.periods import Period
from simulation.kinds import PLACES
from simulation.stripe import VirtualConnection, VirtualStripeObjects

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping

    from billing.domain.mirror import Observation, Snapshot
    from simulation.kinds import Children, Place
    from simulation.stripe import Told, VirtualStripe

type Row = dict[str, Any]
type Rows = Callable[..., list[Row]]

_MAINTAINED = frozenset({"as_of", "revision", "deleted_at"})
_NO_DIGITS: dict[str, Any] = {"last4": None, "exp_month": None, "exp_year": None}
_JOINED: Mapping[type, frozenset[str]] = {
    Tax: frozenset({"percentage", "name", "country", "jurisdiction", "tax_type"}),
    DiscountAmount: frozenset({"coupon", "name", "percent_off", "amount_off"}),
}
"""Members that come from a tax rate or a coupon when an invoice is read."""


def differences(stripe: VirtualStripe, done: Container[str], rows: Rows) -> Iterator[str]:
    """Yield in a sentence each where the mirror and its inbox are not what Stripe says.

    `done` holds the names of the events that were acknowledged. One that changes nothing here and never came
    may be missing in the inbox: no sweep asks for its type.
    """
    inbox = {str(row["id"]): row for row in _of_world(rows, "stripe_webhook_events", "id", "evt", stripe.tag)}
    yield from _events(stripe, done, inbox)
    applied = Counter(row["object_id"] for row in inbox.values() if row["outcome"] == "applied")
    objects = VirtualStripeObjects(VirtualConnection(stripe))
    for kind in ObjectKind:
        place = PLACES[kind]
        known = {event.object_id for event in stripe.events.values() if _kind(event) is kind}
        mirrored = {row["id"]: row for row in _of_world(rows, place.table, "id", place.prefix, stripe.tag)}
        children = [
            (each, _grouped(_of_world(rows, each.table, each.parent, place.prefix, stripe.tag), each.parent))
            for each in place.children
        ]
        made = {obj["id"] for obj in stripe.store.all(kind.value)}
        yield from (f"{place.table}: Stripe knows no {row}" for row in sorted(mirrored.keys() - known - made))
        for object_id in sorted(filter(None, known)):
            called = f"{kind.value} {stripe.called(object_id)}"
            row = mirrored.get(object_id)
            if row is None:
                yield f"{called} is not in the mirror"
                continue
            below = [(each, found.get(object_id, [])) for each, found in children]
            state = _state(stripe, objects, kind, object_id)
            if state is None:
                yield from (f"{called}: {said}" for said in _undeleted(row, below, place))
            else:
                yield from (f"{called}: {said}" for said in unlike(state, row, below, place))
            if not place.learned and row["revision"] > applied[object_id]:
                yield f"{called} was written {row['revision']} times by {applied[object_id]} applied events"
            if row["as_of"] > datetime.fromtimestamp(stripe.now, UTC):
                yield f"{called} is known as of a time to come"
            if isinstance(state, Invoice | CreditNote) and state.discounts:
                named = objects.fetch_discounts(kind, object_id)
                yield from (f"{called}: {said}" for said in _unlearned(named, rows))


def _unlearned(named: Iterable[Observation], rows: Rows) -> Iterator[str]:
    """Yield which discounts that a document names, and which of their coupons, the mirror has not."""
    for seen in named:
        kind = kind_of(seen.state)
        if not rows(f"SELECT id FROM {PLACES[kind.value].table} WHERE id = %s", seen.state.id):  # noqa: S608 - our own names
            yield f"its {kind.value} was never learned"


def _state(
    stripe: VirtualStripe, objects: VirtualStripeObjects, kind: ObjectKind, object_id: str
) -> Snapshot | None:
    """Return what the mirror is to hold of an object, None if Stripe has deleted it."""
    if kind not in PATHS:  # Stripe returns it by no id
        kept = stripe.store.get(kind.value, object_id)
        return None if kept is None else read_object(kind, kept, API_VERSION)
    found = objects.fetch(kind, object_id)
    state = None if found is None else found.state
    if isinstance(state, PaymentMethod) and state.customer is not None:
        owner = stripe.store.get("customer", state.customer) or {}
        # Stripe keeps the digits of whoever was deleted, the mirror does not.
        return replace(state, **_NO_DIGITS) if owner.get("deleted") else state
    return None if isinstance(state, Deletion) else state


def _events(stripe: VirtualStripe, done: Container[str], inbox: Mapping[str, Row]) -> Iterator[str]:
    told = {event.id: event for event in stripe.events.values()}
    yield from (f"the inbox has an event that Stripe never made: {known}" for known in inbox.keys() - told)
    for event in told.values():
        called = f"event {event.name} ({event.type} of {stripe.called(event.object_id)})"
        row = inbox.get(event.id)
        if row is None:
            if _kind(event) is not None or event.name in done:
                yield f"{called} is not in the inbox"
        elif row["outcome"] not in _endings(stripe, event):
            yield f"{called} ended as {row['outcome']}: {row['reason']}"
        elif (row["type"], row["object_id"]) != (event.type, event.object_id):
            yield f"{called} stands in the inbox as {row['type']} of {row['object_id']}"


def _endings(stripe: VirtualStripe, event: Told) -> set[str]:
    kind = _kind(event)
    if kind is None:
        return {"ignored"}
    gone = event.object_id is not None and stripe.store.get(kind.value, event.object_id) is None
    # What does not tell all its lines cannot be completed once Stripe has deleted it.
    return {"applied", "stale", "quarantined"} if gone else {"applied", "stale"}


def _kind(event: Told) -> ObjectKind | None:
    return SNAPSHOT_TYPES.get(event.type) or DELETION_TYPES.get(event.type)


def _of_world(rows: Rows, table: str, column: str, prefix: str, tag: str) -> list[Row]:
    start = f"{prefix}_1{tag}"
    order = "position" if column != "id" else column
    return rows(
        f"SELECT * FROM {table} WHERE {column} >= %s AND {column} < %s ORDER BY {column}, {order}",  # noqa: S608 - our own names
        start,
        f"{start}g",
    )


def _grouped(found: list[Row], parent: str) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in found:
        groups.setdefault(row[parent], []).append(row)
    return groups


def _undeleted(row: Row, below: list[tuple[Children, list[Row]]], place: Place) -> Iterator[str]:
    if row["deleted_at"] is None:
        yield "Stripe deleted it, the mirror did not"
        return
    yield from (f"is deleted, and keeps its {name}" for name in place.forgotten if row[name] is not None)
    yield from (f"is deleted, and keeps its {each.member}" for each, found in below if found)


def unlike(state: Any, row: Row, below: list[tuple[Children, list[Row]]], place: Place) -> Iterator[str]:
    """Yield in a sentence each where a row, and those below it, are not what the snapshot says."""
    if row["deleted_at"] is not None:
        yield "the mirror has it as deleted, Stripe has not"
        return
    members = {each.member for each, _ in below}
    yield from _apart(_columns(state, {}, members | place.unstored), row, _MAINTAINED)
    for each, found in below:
        told = getattr(state, each.member)
        if len(told) != len(found):
            yield f"has {len(found)} {each.member}, at Stripe {len(told)}"
        for position, (child, stands) in enumerate(zip(told, found, strict=False)):
            expected = _columns(child, each.renamed, set())
            kept = frozenset({each.parent, "position", "customer"} | ({"currency"} - expected.keys()))
            for said in _apart(expected, stands, kept):
                yield f"{each.member}[{position}].{said}"
            if stands["position"] != position:
                yield f"{each.member}[{position}] has position {stands['position']}"
            if stands["customer"] != state.customer:
                yield f"{each.member}[{position}] belongs to {stands['customer']}"


def _apart(expected: Mapping[str, Any], row: Row, maintained: frozenset[str]) -> Iterator[str]:
    for name in expected.keys() | (row.keys() - maintained):
        if name not in expected or name not in row:
            yield f"{name} is {'no column' if name in expected else 'a column of nothing'}"
        elif expected[name] != row[name]:
            yield f"{name} is {row[name]!r}, at Stripe {expected[name]!r}"


def _columns(state: Any, renamed: Mapping[str, str], left_out: set[str] | frozenset[str]) -> dict[str, Any]:
    """Return what a row is to hold for the members of a snapshot."""
    columns: dict[str, Any] = {}
    for member in fields(state):
        value = getattr(state, member.name)
        if member.name in left_out:
            continue
        if isinstance(value, Period):
            columns |= {f"{member.name}_start": value.start, f"{member.name}_end": value.end}
        else:
            columns[member.name] = _value(value)
    return {renamed.get(name, name): value for name, value in columns.items()}


def _value(value: Any) -> Any:
    match value:
        case Money():
            return value.amount
        case Enum():
            return value.value
        case tuple():
            return [_value(each) for each in value]
        case _ if hasattr(value, "__dataclass_fields__"):
            return _document(value, _JOINED.get(type(value), frozenset()))
        case _:
            return value


def _document(value: Any, left_out: frozenset[str]) -> dict[str, Any]:
    """Return what a document of JSON is to hold, in which instants and decimals are texts."""
    members = {each.name: _value(getattr(value, each.name)) for each in fields(value)}
    return {name: _text(member) for name, member in members.items() if name not in left_out}


def _text(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case Decimal():
            return str(value)
        case _:
            return value
