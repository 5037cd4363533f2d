"""Of which kind a state is, whether it is whole, and which of two states of one second may be the later.

Apart from `mirror`, whose events, kinds and outcomes serve a sweep and a replay without any object's class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.domain.catalogue import Coupon, Discount, Meter, Price, Product
from billing.domain.charges import Charge, ChargeStatus, Dispute, Refund
from billing.domain.credit_notes import CreditNote, CreditNoteStatus
from billing.domain.customers import Customer
from billing.domain.invoices import Invoice, InvoiceStatus
from billing.domain.mirror import Deletion, Mention, ObjectKind
from billing.domain.payment_intents import PaymentIntent, PaymentIntentStatus
from billing.domain.payment_methods import PaymentMethod
from billing.domain.payments import InvoicePayment, InvoicePaymentStatus
from billing.domain.schedules import ScheduleStatus, SubscriptionSchedule
from billing.domain.subscriptions import Subscription, SubscriptionStatus
from billing.domain.tax_rates import TaxRate

if TYPE_CHECKING:
    from billing.domain.mirror import Snapshot, Standing

_KINDS: dict[type, ObjectKind] = {
    Customer: ObjectKind.CUSTOMER,
    Subscription: ObjectKind.SUBSCRIPTION,
    Invoice: ObjectKind.INVOICE,
    TaxRate: ObjectKind.TAX_RATE,
    CreditNote: ObjectKind.CREDIT_NOTE,
    InvoicePayment: ObjectKind.INVOICE_PAYMENT,
    Product: ObjectKind.PRODUCT,
    Price: ObjectKind.PRICE,
    Coupon: ObjectKind.COUPON,
    Discount: ObjectKind.DISCOUNT,
    Meter: ObjectKind.METER,
    SubscriptionSchedule: ObjectKind.SCHEDULE,
    PaymentIntent: ObjectKind.PAYMENT_INTENT,
    Charge: ObjectKind.CHARGE,
    PaymentMethod: ObjectKind.PAYMENT_METHOD,
    Refund: ObjectKind.REFUND,
    Dispute: ObjectKind.DISPUTE,
}


def kind_of(state: Snapshot | Deletion | Mention) -> ObjectKind:
    """Return which mirrored object a state is of."""
    return state.kind if isinstance(state, Deletion | Mention) else _KINDS[type(state)]


def status_of(state: Snapshot) -> str | None:
    """Return the status of a state, None where its kind of object has none."""
    return getattr(state, "status", None)


def is_complete(state: Snapshot | Deletion) -> bool:
    """Return whether a state came with every line, item and tier that the object has."""
    match state:
        case Invoice(lines_complete=complete) | CreditNote(lines_complete=complete):
            return complete
        case Subscription(items_complete=complete):
            return complete
        case Price(tiers=tiers):
            return tiers is not None
        case _:
            return True


# How far along its lifecycle a status is, by the object that has one and goes one way.
_RANKS: dict[ObjectKind, dict[str, int]] = {
    ObjectKind.INVOICE: {
        InvoiceStatus.DRAFT: 0,
        InvoiceStatus.OPEN: 1,
        InvoiceStatus.UNCOLLECTIBLE: 2,
        InvoiceStatus.VOID: 3,
        InvoiceStatus.PAID: 3,
    },
    ObjectKind.SUBSCRIPTION: {status: int(status.is_final) for status in SubscriptionStatus},
    ObjectKind.CREDIT_NOTE: {CreditNoteStatus.ISSUED: 0, CreditNoteStatus.VOID: 1},
    ObjectKind.INVOICE_PAYMENT: {
        InvoicePaymentStatus.OPEN: 0,
        InvoicePaymentStatus.CANCELED: 1,
        InvoicePaymentStatus.PAID: 1,
    },
    ObjectKind.SCHEDULE: {
        ScheduleStatus.NOT_STARTED: 0,
        ScheduleStatus.ACTIVE: 1,
        ScheduleStatus.COMPLETED: 2,
        ScheduleStatus.RELEASED: 2,
        ScheduleStatus.CANCELED: 2,
    },
    ObjectKind.PAYMENT_INTENT: {
        status: int(status in (PaymentIntentStatus.SUCCEEDED, PaymentIntentStatus.CANCELED))
        for status in PaymentIntentStatus
    },
    ObjectKind.CHARGE: {ChargeStatus.PENDING: 0, ChargeStatus.SUCCEEDED: 1, ChargeStatus.FAILED: 1},
}


def may_follow(incoming: Snapshot | Deletion, standing: Standing) -> bool:
    """Return whether `incoming` can be the later of two states of the same second.

    Used only where Stripe does not know the object any more, so that nobody can be asked: a
    lifecycle never runs backwards (draft, open, uncollectible, then paid or void; a cancelled
    subscription stays so, as do a void credit note and a payment that is paid or cancelled). States of
    equal rank, and of objects without such a lifecycle, follow the order of arrival.
    """
    if isinstance(incoming, Deletion):
        return True
    if standing.deleted:
        return False
    ranks, status = _RANKS.get(kind_of(incoming)), status_of(incoming)
    if ranks is None or status is None or standing.status is None:
        return True
    return ranks[status] >= ranks[standing.status]
