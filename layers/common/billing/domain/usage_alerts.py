"""Thresholds on usage, and the alerts that crossing them fires: each once a period."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Context, Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, TypedDict

from billing.domain.usage_pricing import cost, included, projected_use

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from billing.domain.periods import Period
    from billing.domain.usage import UsageMeter
    from billing.domain.usage_plans import MeteredItem

DEFAULT_PERCENTS = (80, 100)
"""Per cent of what is included, of every meter, for a customer that never set a threshold."""

_EXACT = Context(prec=100)


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


def thresholds_of(chosen: Sequence[Threshold] | None, meters: Iterable[str]) -> Sequence[Threshold]:
    """Return what holds for a customer: what it chose, the defaults of the meters where it never did."""
    if chosen is not None:
        return chosen
    return tuple(
        Threshold(meter, ThresholdKind.PERCENT, Decimal(percent))
        for meter in meters
        for percent in DEFAULT_PERCENTS
    )


def due_alerts(
    customer: str,
    thresholds: Iterable[Threshold],
    used: Mapping[tuple[str, Period], Decimal],
    meters: Mapping[str, UsageMeter],
    items: Mapping[str, MeteredItem],
    now: datetime,
) -> Sequence[UsageAlert]:
    """Return an alert for every threshold that is reached now, whether or not it fired before.

    `used` is what was used of a meter in a period: the one of `now`, or one before to which late usage came.
    `items` are what prices the meters now. Meters that are only in one of `used` and `meters` are passed
    over. A percentage needs a price that includes something, a projected cost needs a price; that of a period
    which is over is what it costs.
    """
    standings = [
        (name, quantity, _standing(meters[name], items.get(name), period, quantity, now))
        for (name, period), quantity in used.items()
        if name in meters
    ]
    alerts = (
        UsageAlert(customer, threshold, fired_at=now, used=quantity, **standing)
        for threshold in thresholds
        for name, quantity, standing in standings
        if name == threshold.meter
    )
    return tuple(alert for alert in alerts if _is_reached(alert))


class _Standing(TypedDict):
    period: Period
    included: Decimal | None
    projected_cost: int | None
    currency: str | None


def _standing(
    meter: UsageMeter, item: MeteredItem | None, period: Period, used: Decimal, now: datetime
) -> _Standing:
    if item is None:
        return _Standing(period=period, included=None, projected_cost=None, currency=None)
    projected = cost(item.price, projected_use(meter.aggregation, used, period, now))
    return _Standing(
        period=period,
        included=included(item.price),
        projected_cost=projected.amount,
        currency=projected.currency,
    )


def _is_reached(alert: UsageAlert) -> bool:
    limit = alert.threshold.value
    match alert.threshold.kind:
        case ThresholdKind.PERCENT:
            return alert.included is not None and _EXACT.multiply(
                alert.used, Decimal(100)
            ) >= _EXACT.multiply(alert.included, limit)
        case ThresholdKind.AMOUNT:
            return alert.used >= limit
        case ThresholdKind.PROJECTED_COST:
            return alert.projected_cost is not None and alert.projected_cost >= limit
