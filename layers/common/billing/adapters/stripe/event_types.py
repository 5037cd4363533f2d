"""Which of Stripe's event types change state here, and of what; apart from reading such an event."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.domain.mirror import ObjectKind

if TYPE_CHECKING:
    from collections.abc import Mapping

API_VERSION = "2026-05-27.dahlia"
"""The version that we ask Stripe for."""

THIN = "v2.core.event"
"""The object name of an event of API v2, which tells what happened to what; the rest is fetched."""

THIN_PATH = "/v2/core/events"

THIN_TYPES = ("v1.billing.meter.error_report_triggered",)
"""The types of API v2 that change something here; an event destination of their own delivers them."""

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
        "payment_attempt_required",
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
    ObjectKind.PRODUCT: ("created", "updated"),
    ObjectKind.PRICE: ("created", "updated"),
    ObjectKind.COUPON: ("created", "updated"),
    ObjectKind.DISCOUNT: ("created", "updated"),
    ObjectKind.METER: ("created", "updated", "deactivated", "reactivated"),
    ObjectKind.SCHEDULE: (
        "created",
        "updated",
        "aborted",
        "canceled",
        "completed",
        "expiring",
        "released",
    ),
    ObjectKind.PAYMENT_INTENT: (
        "created",
        "amount_capturable_updated",
        "canceled",
        "partially_funded",
        "payment_failed",
        "processing",
        "requires_action",
        "succeeded",
    ),
    ObjectKind.CHARGE: (
        "captured",
        "expired",
        "failed",
        "pending",
        "refunded",
        "succeeded",
        "updated",
    ),
    ObjectKind.PAYMENT_METHOD: ("attached", "automatically_updated", "detached", "updated"),
    ObjectKind.REFUND: ("created", "failed", "updated"),
    ObjectKind.DISPUTE: ("created", "closed", "funds_reinstated", "funds_withdrawn", "updated"),
}
# What the types begin with, where that is not the object's name.
_PREFIXES = {
    ObjectKind.SUBSCRIPTION: "customer.subscription",
    ObjectKind.DISCOUNT: "customer.discount",
    ObjectKind.DISPUTE: "charge.dispute",
}
_RENAMED = {"payment_method.card_automatically_updated": ObjectKind.PAYMENT_METHOD}
"""What events of API versions before 2020-08-27 are called; no endpoint or list can be asked for it now."""
SNAPSHOT_TYPES = {
    f"{_PREFIXES.get(kind, kind.value)}.{verb}": kind for kind, verbs in _SNAPSHOTS.items() for verb in verbs
} | {"charge.refund.updated": ObjectKind.REFUND, **_RENAMED}
"""The event types whose payload is a state of a mirrored object."""

DELETION_TYPES = {
    "customer.deleted": ObjectKind.CUSTOMER,
    "invoice.deleted": ObjectKind.INVOICE,
    "product.deleted": ObjectKind.PRODUCT,
    "price.deleted": ObjectKind.PRICE,
    "coupon.deleted": ObjectKind.COUPON,
    "customer.discount.deleted": ObjectKind.DISCOUNT,
}
"""The event types after which the object is gone; `invoice.deleted` is a removed draft."""

STATE_TYPES = tuple(sorted((SNAPSHOT_TYPES.keys() | DELETION_TYPES) - _RENAMED.keys()))
"""Every event type that changes state here: the endpoint at Stripe gets these, and they are swept for."""
