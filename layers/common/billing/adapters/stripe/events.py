"""From an event's JSON to what it says: a typed snapshot, a deletion, nothing, or why it cannot be read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from billing.adapters.stripe.credit_notes import read_credit_note
from billing.adapters.stripe.customers import read_customer
from billing.adapters.stripe.invoice_payments import read_invoice_payment
from billing.adapters.stripe.invoices import read_invoice
from billing.adapters.stripe.reading import Node, UnreadableError
from billing.adapters.stripe.subscriptions import read_subscription
from billing.adapters.stripe.tax_rates import read_tax_rate
from billing.domain.errors import PayloadRejectedError
from billing.domain.mirror import (
    Deletion,
    MalformedEvent,
    MalformedEventError,
    NotMirrored,
    ObjectKind,
    StripeEvent,
    Unreadable,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from billing.domain.mirror import Snapshot

API_VERSION = "2026-05-27.dahlia"
"""The version that we ask Stripe for."""

_SNAPSHOTS: Mapping[ObjectKind, tuple[str, ...]] = {
    ObjectKind.CUSTOMER: ("created", "updated"),
    ObjectKind.SUBSCRIPTION: (
        "created",
        "updated",
        "deleted",  # the whole subscription with status canceled, which can still be retrieved
        "paused",
        "resumed",
        "trial_will_end",
        "pending_update_applied",
        "pending_update_expired",
    ),
    ObjectKind.INVOICE: (
        "created",
        "updated",
        "finalized",
        "paid",
        "payment_succeeded",
        "payment_failed",
        "payment_action_required",
        "voided",
        "marked_uncollectible",
        "sent",
        "overdue",
        "finalization_failed",
        "overpaid",
        "will_be_due",
    ),
    ObjectKind.TAX_RATE: ("created", "updated"),
    ObjectKind.CREDIT_NOTE: ("created", "updated", "voided"),
    ObjectKind.INVOICE_PAYMENT: ("paid",),
}
_PREFIXES = {
    ObjectKind.CUSTOMER: "customer",
    ObjectKind.SUBSCRIPTION: "customer.subscription",
    ObjectKind.INVOICE: "invoice",
    ObjectKind.TAX_RATE: "tax_rate",
    ObjectKind.CREDIT_NOTE: "credit_note",
    ObjectKind.INVOICE_PAYMENT: "invoice_payment",
}
SNAPSHOT_TYPES = {f"{_PREFIXES[kind]}.{verb}": kind for kind, verbs in _SNAPSHOTS.items() for verb in verbs}
"""The event types whose payload is a state of a mirrored object."""

DELETION_TYPES = {"customer.deleted": ObjectKind.CUSTOMER, "invoice.deleted": ObjectKind.INVOICE}
"""The event types after which the object is gone; `invoice.deleted` is a removed draft."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How the objects of some API versions look: the names of the releases, and a reader per object."""

    releases: frozenset[str]
    readers: Mapping[ObjectKind, Callable[[Node], Snapshot]]


SHAPES = (
    # A release name stands for one shape: Stripe changes it when it breaks something, and monthly
    # versions of one name only add ("API versioning").
    Shape(
        releases=frozenset(("basil", "clover", "dahlia", "endive")),
        readers={
            ObjectKind.CUSTOMER: read_customer,
            ObjectKind.SUBSCRIPTION: read_subscription,
            ObjectKind.INVOICE: read_invoice,
            ObjectKind.TAX_RATE: read_tax_rate,
            ObjectKind.CREDIT_NOTE: read_credit_note,
            ObjectKind.INVOICE_PAYMENT: read_invoice_payment,
        },
    ),
)
"""Every shape that can be read; another one is one more entry."""

_VERSION = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(\.([a-z]{1,30}))?", re.ASCII)


def read_event(payload: Mapping[str, object]) -> StripeEvent:
    """Return what the event says.

    A payload that cannot be read without guessing gives Unreadable as content, whose reason names
    the member and never its value.

    Raises
    ------
    MalformedEventError
        The event itself lacks something, which the error names: created, livemode, data.
    PayloadRejectedError
        It is no event of Stripe: id or type are missing or no texts.
    """
    event = Node("event", payload)
    try:
        event.expect("object", "event")
        event_id, what = event.text("id"), event.text("type")
    except UnreadableError as error:
        raise PayloadRejectedError(str(error)) from None
    try:
        version = event.optional_text("api_version") if "api_version" in payload else None
        content, object_id = _content(event, version)
        return StripeEvent(
            id=event_id,
            type=what,
            created=event.instant("created"),
            livemode=event.flag("livemode"),
            api_version=version,
            object_id=object_id,
            content=content,
        )
    except UnreadableError as error:
        raise MalformedEventError(MalformedEvent(event_id, what, str(error))) from None


def read_object(kind: ObjectKind, members: Mapping[str, object], api_version: str) -> Snapshot:
    """Return the snapshot of an object of this API version.

    Raises
    ------
    UnreadableError
        A member is missing or not what it should be, or the version's shape is not known.
    """
    return _readers(api_version)[kind](Node(kind.value, members))


def _content(
    event: Node, version: str | None
) -> tuple[Snapshot | Deletion | NotMirrored | Unreadable, str | None]:
    what = event.text("type")
    about = event.node("data").node("object")
    object_id = _id_of(about)
    try:
        if what in DELETION_TYPES:
            return _deletion(DELETION_TYPES[what], about, event), object_id
        if what in SNAPSHOT_TYPES:
            return _snapshot(SNAPSHOT_TYPES[what], about, event, version), object_id
    except UnreadableError as error:
        return Unreadable(str(error)), object_id
    return NotMirrored(), object_id


def _id_of(about: Node) -> str | None:
    # Some objects have none (balance, an upcoming invoice); where one is needed its reader insists.
    try:
        return about.text("id")
    except UnreadableError:
        return None


def _snapshot(kind: ObjectKind, about: Node, event: Node, version: str | None) -> Snapshot:
    snapshot = read_object(kind, about.members, _known(version))
    if snapshot.livemode != event.flag("livemode"):
        raise UnreadableError(f"{kind.value}.livemode", "not that of the event")
    return snapshot


def _deletion(kind: ObjectKind, about: Node, event: Node) -> Deletion:
    # Every version says a deletion alike: the object, or what is left of it, with its id.
    gone = Node(kind.value, about.members)
    gone.expect("object", kind.value)
    if gone.has("livemode") and gone.flag("livemode") != event.flag("livemode"):
        raise UnreadableError(f"{kind.value}.livemode", "not that of the event")
    return Deletion(kind=kind, id=gone.text("id"))


def _known(version: str | None) -> str:
    if version is None:
        raise UnreadableError("api_version", "missing")
    return version


def _readers(version: str) -> Mapping[ObjectKind, Callable[[Node], Snapshot]]:
    parts = _VERSION.fullmatch(version)
    if parts is None:
        raise UnreadableError("api_version", "malformed")
    for shape in SHAPES:
        if parts[2] in shape.releases:
            return shape.readers
    raise UnreadableError("api_version", f"{version} is not known")
