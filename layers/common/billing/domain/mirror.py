"""How a mirror of Stripe converges: events, observations, and which of two states is later.

Stripe promises neither order nor exactly-once delivery, and stamps events in whole seconds. So a
state carries `as_of`: it holds every change made strictly before that second. A newer `as_of`
replaces an older one; two different states of one second are a tie, which only Stripe can settle.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from billing.domain.errors import PayloadRejectedError

if TYPE_CHECKING:
    from datetime import datetime

    from billing.domain.catalogue import Coupon, Discount, Meter, Price, Product
    from billing.domain.charges import Charge, Dispute, Refund
    from billing.domain.credit_notes import CreditNote
    from billing.domain.customers import Customer
    from billing.domain.invoices import Invoice
    from billing.domain.payment_intents import PaymentIntent
    from billing.domain.payment_methods import PaymentMethod
    from billing.domain.payments import InvoicePayment
    from billing.domain.schedules import SubscriptionSchedule
    from billing.domain.subscriptions import Subscription
    from billing.domain.tax_rates import TaxRate
    from billing.domain.usage_reports import MeterErrors

type Snapshot = (
    Customer
    | Subscription
    | Invoice
    | TaxRate
    | CreditNote
    | InvoicePayment
    | Product
    | Price
    | Coupon
    | Discount
    | Meter
    | SubscriptionSchedule
    | PaymentIntent
    | Charge
    | PaymentMethod
    | Refund
    | Dispute
)


class ObjectKind(StrEnum):
    """The mirrored objects, by Stripe's name of the object."""

    CUSTOMER = "customer"
    SUBSCRIPTION = "subscription"
    INVOICE = "invoice"
    TAX_RATE = "tax_rate"
    CREDIT_NOTE = "credit_note"
    INVOICE_PAYMENT = "invoice_payment"
    PRODUCT = "product"
    PRICE = "price"
    COUPON = "coupon"
    DISCOUNT = "discount"
    METER = "billing.meter"
    SCHEDULE = "subscription_schedule"
    PAYMENT_INTENT = "payment_intent"
    CHARGE = "charge"
    PAYMENT_METHOD = "payment_method"
    REFUND = "refund"
    DISPUTE = "dispute"


@dataclass(frozen=True, slots=True)
class Deletion:
    """The object is gone at Stripe; this is final.

    `last` is what it was, where the event tells it and it is worth keeping.
    """

    kind: ObjectKind
    id: str
    last: Snapshot | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Mention:
    """An object changed, and the event does not tell to what; `reason` names what its old payload lacks."""

    kind: ObjectKind
    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class NotMirrored:
    """An event type that changes nothing here; it is kept as `ignored`."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A payload that cannot be read without guessing; it is kept as `quarantined`."""

    reason: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """How an event reached us: `attempt` counts from 1, `body` is the event's JSON as it came.

    `digest` is that of what all copies of the event in one API version have in common, in hexadecimal; None
    where there is nothing to compare.
    """

    received_at: datetime
    attempt: int
    body: str = field(repr=False)
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class MalformedEvent:
    """An event that lacks what every event has; `reason` names the member. It is kept as `quarantined`."""

    id: str
    type: str
    reason: str
    receipt: Receipt | None = None


class MalformedEventError(PayloadRejectedError):
    """A payload has an event's id and type and lacks something else; `event` is what there is to keep."""

    def __init__(self, event: MalformedEvent) -> None:
        super().__init__(event.reason)
        self.event = event


@dataclass(frozen=True, slots=True)
class StripeEvent:
    """One event, read and typed. `created` is in whole seconds; `object_id` is what it is about."""

    id: str
    type: str
    created: datetime
    livemode: bool
    api_version: str | None
    object_id: str | None
    content: Snapshot | Deletion | Mention | NotMirrored | Unreadable | MeterErrors
    receipt: Receipt | None = None


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
    """How an event ends in the inbox.

    QUARANTINED and FAILED may end otherwise after all: the first when it is judged again by a version that
    can read it, the second at its next try.
    """

    APPLIED = "applied"
    STALE = "stale"
    IGNORED = "ignored"
    QUARANTINED = "quarantined"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        """Whether the event counts as dealt with, so that another delivery is a duplicate."""
        return self not in (Outcome.QUARANTINED, Outcome.FAILED)
