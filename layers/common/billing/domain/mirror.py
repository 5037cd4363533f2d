"""How a mirror of Stripe converges: events, observations, and which of two states is later.

Stripe promises neither order nor exactly-once delivery, and stamps events in whole seconds. So a
state carries `as_of`: it holds every change made strictly before that second. A newer `as_of`
replaces an older one; two different states of one second are a tie, which only Stripe can settle.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from billing.domain.customers import Customer
from billing.domain.invoices import Invoice, InvoiceStatus
from billing.domain.subscriptions import Subscription, SubscriptionStatus
from billing.domain.tax_rates import TaxRate

if TYPE_CHECKING:
    from datetime import datetime

type Snapshot = Customer | Subscription | Invoice | TaxRate


class ObjectKind(StrEnum):
    """The mirrored objects, by Stripe's name of the object."""

    CUSTOMER = "customer"
    SUBSCRIPTION = "subscription"
    INVOICE = "invoice"
    TAX_RATE = "tax_rate"


@dataclass(frozen=True, slots=True)
class Deletion:
    """The object is gone at Stripe; this is final."""

    kind: ObjectKind
    id: str


@dataclass(frozen=True, slots=True)
class NotMirrored:
    """An event type that changes nothing here; it is kept as `ignored`."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A payload that cannot be read without guessing; it is kept as `quarantined`."""

    reason: str


@dataclass(frozen=True, slots=True)
class StripeEvent:
    """One event, read and typed. `created` is in whole seconds; `object_id` is what it is about."""

    id: str
    type: str
    created: datetime
    livemode: bool
    api_version: str | None
    object_id: str | None
    content: Snapshot | Deletion | NotMirrored | Unreadable


@dataclass(frozen=True, slots=True)
class Observation:
    """A state of an object that holds every change made strictly before `as_of`."""

    state: Snapshot | Deletion
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """What the mirror holds of an object; `revision` grows with every write to it."""

    revision: int
    as_of: datetime
    status: str | None
    deleted: bool


class Verdict(StrEnum):
    """What became of an attempt to apply an observation."""

    APPLIED = "applied"
    STALE = "stale"  # the mirror knows a later state; recorded, not applied
    DUPLICATE = "duplicate"  # this event was recorded before
    TIE = "tie"  # another state of the same second stands; nothing was written
    MOVED = "moved"  # the object changed since its standing was read; nothing was written


class Outcome(StrEnum):
    """How an event ends in the inbox."""

    APPLIED = "applied"
    STALE = "stale"
    IGNORED = "ignored"
    QUARANTINED = "quarantined"


def kind_of(state: Snapshot | Deletion) -> ObjectKind:
    """Return which mirrored object a state is of."""
    match state:
        case Deletion(kind=kind):
            return kind
        case Customer():
            return ObjectKind.CUSTOMER
        case Subscription():
            return ObjectKind.SUBSCRIPTION
        case Invoice():
            return ObjectKind.INVOICE
        case TaxRate():
            return ObjectKind.TAX_RATE


_INVOICE_RANK = {
    InvoiceStatus.DRAFT: 0,
    InvoiceStatus.OPEN: 1,
    InvoiceStatus.UNCOLLECTIBLE: 2,
    InvoiceStatus.VOID: 3,
    InvoiceStatus.PAID: 3,
}


def may_follow(incoming: Snapshot | Deletion, standing: Standing) -> bool:
    """Return whether `incoming` can be the later of two states of the same second.

    Used only where Stripe does not know the object any more, so that nobody can be asked: a
    lifecycle never runs backwards (draft, open, uncollectible, then paid or void; a cancelled
    subscription stays so). States of equal rank follow the order of arrival.
    """
    if isinstance(incoming, Deletion):
        return True
    if standing.deleted:
        return False
    if isinstance(incoming, Invoice) and standing.status is not None:
        return _INVOICE_RANK[incoming.status] >= _INVOICE_RANK[InvoiceStatus(standing.status)]
    if isinstance(incoming, Subscription) and standing.status is not None:
        return incoming.status.is_final or not SubscriptionStatus(standing.status).is_final
    return True
