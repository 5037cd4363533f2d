"""What a subscription says about a meter: its period, what is included, and what more costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from billing.domain.catalogue import PriceTier
    from billing.domain.periods import Period


@dataclass(frozen=True, slots=True)
class MeteredPrice:
    """The price of a meter, as catalogue.Price has it: amounts are minor units with up to 12 decimals."""

    id: str
    currency: str
    billing_scheme: str
    unit_amount: Decimal | None
    tiers_mode: str | None
    tiers: tuple[PriceTier, ...]
    interval: str
    interval_count: int
    transform_divide_by: int | None
    transform_round: str | None


@dataclass(frozen=True, slots=True)
class MeteredItem:
    """One item of a subscription that prices a meter.

    `current_period` is what Stripe last told; it may have ended since. `anchor` is the subscription's
    billing_cycle_anchor.
    """

    subscription: str
    status: str
    item: str
    price: MeteredPrice
    current_period: Period
    anchor: datetime
