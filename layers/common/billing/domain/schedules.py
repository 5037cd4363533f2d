"""The mirror's view of a Stripe subscription schedule: what a subscription will become, and when."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class ScheduleStatus(StrEnum):
    """Stripe's subscription schedule statuses."""

    NOT_STARTED = "not_started"
    ACTIVE = "active"
    COMPLETED = "completed"
    RELEASED = "released"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True)
class PhaseItem:
    """A price of a phase; `quantity` is None where the price is metered."""

    price: str
    quantity: int | None


@dataclass(frozen=True, slots=True)
class PhaseDiscount:
    """What is taken off during a phase: a coupon, a promotion code, or a discount that is there already."""

    coupon: str | None
    promotion_code: str | None
    discount: str | None


@dataclass(frozen=True, slots=True)
class SchedulePhase:
    """What the subscription is between two instants; `add_invoice_items` are charged once when it begins."""

    start_date: datetime
    end_date: datetime
    trial_end: datetime | None
    currency: str
    collection_method: str | None
    proration_behavior: str
    items: tuple[PhaseItem, ...]
    add_invoice_items: tuple[PhaseItem, ...]
    discounts: tuple[PhaseDiscount, ...]


@dataclass(frozen=True, slots=True)
class SubscriptionSchedule:
    """A schedule with its phases in order; `end_behavior` says what follows the last one."""

    id: str
    livemode: bool
    created: datetime
    customer: str
    status: ScheduleStatus
    subscription: str | None
    released_subscription: str | None
    end_behavior: str
    current_phase_start: datetime | None
    current_phase_end: datetime | None
    canceled_at: datetime | None
    completed_at: datetime | None
    released_at: datetime | None
    phases: tuple[SchedulePhase, ...]
