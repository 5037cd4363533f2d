"""Thresholds on usage, and the alerts that crossing them fires: each once a period."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from billing.domain.periods import Period


class ThresholdKind(StrEnum):
    """What a threshold is measured in."""

    PERCENT = "percent"
    """Per cent of what the price includes."""
    AMOUNT = "amount"
    """The meter's own quantity."""
    PROJECTED_COST = "projected_cost"
    """The cost at the period's end as it is projected now, in minor units of the subscription's currency."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """A limit of one meter that its customer wants to hear of; `value` is above zero."""

    meter: str
    kind: ThresholdKind
    value: Decimal


@dataclass(frozen=True, slots=True)
class UsageAlert:
    """A threshold that was reached within a period, and what stood then.

    `included` is None where the price includes no quantity. `projected_cost` is in minor units of `currency`;
    both are None where the customer has no subscription with the meter.
    """

    customer: str
    threshold: Threshold
    period: Period
    fired_at: datetime
    used: Decimal
    included: Decimal | None
    projected_cost: int | None
    currency: str | None
