"""From an event's JSON to what it says: a typed snapshot, a deletion, nothing, or why it cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.adapters.stripe.catalogue import (
    read_coupon,
    read_discount,
    read_meter,
    read_price,
    read_product,
)
from billing.adapters.stripe.credit_notes import read_credit_note
from billing.adapters.stripe.customers import read_customer
from billing.adapters.stripe.event_types import API_VERSION, DELETION_TYPES, SNAPSHOT_TYPES, THIN
from billing.adapters.stripe.invoice_payments import read_invoice_payment
from billing.adapters.stripe.invoices import read_invoice
from billing.adapters.stripe.payments import (
    read_charge,
    read_dispute,
    read_payment_intent,
    read_payment_method,
    read_refund,
)
from billing.adapters.stripe.reading import Node, UnreadableError
from billing.adapters.stripe.schedules import read_schedule
from billing.adapters.stripe.subscriptions import read_subscription
from billing.adapters.stripe.tax_rates import read_tax_rate
from billing.adapters.stripe.thin_events import read_thin_event
from billing.adapters.stripe.upgrades import read_version, upgraded
from billing.domain.errors import PayloadRejectedError
from billing.domain.mirror import (
    Deletion,
    MalformedEvent,
    MalformedEventError,
    Mention,
    NotMirrored,
    ObjectKind,
    StripeEvent,
    Unreadable,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from billing.adapters.stripe.upgrades import Version
    from billing.domain.mirror import Snapshot

_REMEMBERED = frozenset((ObjectKind.PRODUCT, ObjectKind.PRICE, ObjectKind.COUPON, ObjectKind.DISCOUNT))
"""What old invoices go on naming after it is deleted, so that its last state is worth keeping."""

_READERS: Mapping[ObjectKind, Callable[[Node], Snapshot]] = {
    ObjectKind.CUSTOMER: read_customer,
    ObjectKind.SUBSCRIPTION: read_subscription,
    ObjectKind.INVOICE: read_invoice,
    ObjectKind.TAX_RATE: read_tax_rate,
    ObjectKind.CREDIT_NOTE: read_credit_note,
    ObjectKind.INVOICE_PAYMENT: read_invoice_payment,
    ObjectKind.PRODUCT: read_product,
    ObjectKind.PRICE: read_price,
    ObjectKind.COUPON: read_coupon,
    ObjectKind.DISCOUNT: read_discount,
    ObjectKind.METER: read_meter,
    ObjectKind.SCHEDULE: read_schedule,
    ObjectKind.PAYMENT_INTENT: read_payment_intent,
    ObjectKind.CHARGE: read_charge,
    ObjectKind.PAYMENT_METHOD: read_payment_method,
    ObjectKind.REFUND: read_refund,
    ObjectKind.DISPUTE: read_dispute,
}


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
        if payload.get("object") != THIN:
            event.expect("object", "event")
        event_id, what = event.text("id"), event.text("type")
    except UnreadableError as error:
        raise PayloadRejectedError(str(error)) from None
    if payload["object"] == THIN:
        return read_thin_event(event_id, what, payload)
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
        A member is missing or not what it should be, or the version is not known.
    """
    return _read(kind, members, read_version(api_version))


def _read(kind: ObjectKind, members: Mapping[str, object], version: Version) -> Snapshot:
    return _READERS[kind](Node(kind.value, upgraded(kind, members, version)))


def _content(
    event: Node, version: str | None
) -> tuple[Snapshot | Deletion | Mention | NotMirrored | Unreadable, str | None]:
    what = event.text("type")
    about = event.node("data").node("object")
    object_id = _id_of(about)
    if event.has("account") and what in DELETION_TYPES | SNAPSHOT_TYPES:
        # Stripe names the account on events of others only: those that are connected to a platform.
        return Unreadable("event.account: another account's"), object_id
    try:
        if what in DELETION_TYPES:
            return _deletion(DELETION_TYPES[what], about, event, version), object_id
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


def _snapshot(kind: ObjectKind, about: Node, event: Node, text: str | None) -> Snapshot | Mention:
    if text is None:
        # Stripe names no version on events from before November 2014.
        return _mention(kind, about, "api_version: missing")
    try:
        version = read_version(text)
    except UnreadableError as error:
        return _mention(kind, about, str(error))
    try:
        snapshot = _read(kind, about.members, version)
    except UnreadableError as error:
        # In every other version a member may be missing or another one, and Stripe tells the object in ours.
        if text == API_VERSION:
            raise
        return _mention(kind, about, f"{error} (in {text})")
    # Some objects do not say their mode (refunds, discounts).
    if about.has("livemode") and about.flag("livemode") != event.flag("livemode"):
        raise UnreadableError(f"{kind.value}.livemode", "not that of the event")
    return snapshot


def _mention(kind: ObjectKind, about: Node, reason: str) -> Mention:
    """Return which object changed, for Stripe to tell it in our version; its id every version tells alike."""
    changed = Node(kind.value, about.members)
    changed.expect("object", kind.value)
    return Mention(kind, changed.text("id"), reason)


def _deletion(kind: ObjectKind, about: Node, event: Node, text: str | None) -> Deletion:
    # Every version says a deletion alike: the object, or what is left of it, with its id.
    gone = Node(kind.value, about.members)
    gone.expect("object", kind.value)
    if gone.has("livemode") and gone.flag("livemode") != event.flag("livemode"):
        raise UnreadableError(f"{kind.value}.livemode", "not that of the event")
    last = _last_state(kind, about, text) if kind in _REMEMBERED else None
    return Deletion(kind=kind, id=gone.text("id"), last=last)


def _last_state(kind: ObjectKind, about: Node, text: str | None) -> Snapshot | None:
    """Return what the object was when it was deleted, None where its payload does not tell."""
    try:
        return None if text is None else _read(kind, about.members, read_version(text))
    except UnreadableError:
        return None
