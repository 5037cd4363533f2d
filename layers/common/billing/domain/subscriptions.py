"""The mirror's view of a Stripe subscription."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from billing.domain.periods import Period


class SubscriptionStatus(StrEnum):
    """Stripe's subscription statuses."""

    INCOMPLETE = "incomplete"
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    UNPAID = "unpaid"
    PAUSED = "paused"
    CANCELED = "canceled"
    INCOMPLETE_EXPIRED = "incomplete_expired"

    @property
    def is_final(self) -> bool:
        """Whether Stripe never leaves this status again."""
        return self in {SubscriptionStatus.CANCELED, SubscriptionStatus.INCOMPLETE_EXPIRED}


@dataclass(frozen=True, slots=True)
class SubscriptionItem:
    """One price of a subscription, with its own billing period (since API 2025-03-31.basil)."""

    id: str
    price: str
    product: str
    quantity: Decimal | None
    current_period: Period


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription as Stripe last told it."""

    id: str
    livemode: bool
    created: datetime
    customer: str
    status: SubscriptionStatus
    currency: str
    collection_method: str
    cancel_at_period_end: bool
    start_date: datetime
    billing_cycle_anchor: datetime
    cancel_at: datetime | None
    canceled_at: datetime | None
    ended_at: datetime | None
    trial_start: datetime | None
    trial_end: datetime | None
    items: tuple[SubscriptionItem, ...]
    items_complete: bool = True
