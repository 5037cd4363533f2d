"""Where a customer stands within a period: of each meter what is used, included, and to be expected."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Context, Decimal
from typing import TYPE_CHECKING

from billing.domain.billing_periods import period_at
from billing.domain.usage_pricing import cost, included, overage_price, projected_use

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from billing.domain.money import Money
    from billing.domain.periods import Period
    from billing.domain.usage import UsageMeter
    from billing.domain.usage_alerts import UsageAlert
    from billing.domain.usage_plans import MeteredItem

_EXACT = Context(prec=100)
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Overview:
    """The meters by name, what prices each of them, and the alerts that fired lately."""

    meters: Mapping[str, UsageMeter]
    items: Mapping[str, MeteredItem]
    alerts: tuple[UsageAlert, ...]

    def period(self, meter: str, now: datetime) -> Period:
        """Return the period of a meter that `now` lies in."""
        return period_at(self.items.get(meter), now)

    @property
    def leading(self) -> MeteredItem | None:
        """The item whose subscription stands for the customer: the first by the name of its meter."""
        return next((self.items[name] for name in self.meters if name in self.items), None)


@dataclass(frozen=True, slots=True)
class MeterStanding:
    """Where a meter stands.

    `included` and what follows from it is None where there is no limit to be measured against: nothing is
    included, or everything is. The amounts are None without a price; `overage_price` is what the next unit
    beyond the included ones costs, in minor units with up to 12 decimals.
    """

    meter: UsageMeter
    period: Period
    used: Decimal
    included: Decimal | None
    overage_price: Decimal | None
    cost: Money | None
    projected_use: Decimal
    projected_cost: Money | None
    alerts: tuple[UsageAlert, ...]

    @property
    def remaining(self) -> Decimal | None:
        """What of the included quantity is left; never below zero."""
        return None if self.included is None else max(_EXACT.subtract(self.included, self.used), _ZERO)

    @property
    def overage(self) -> Decimal | None:
        """What was used beyond the included quantity; never below zero."""
        return None if self.included is None else max(_EXACT.subtract(self.used, self.included), _ZERO)

    @property
    def percent(self) -> Decimal | None:
        """How much of the included quantity was used, with one decimal, down: 80 is not said too early."""
        if self.included is None:
            return None
        share = _EXACT.divide(_EXACT.multiply(self.used, Decimal(100)), self.included)
        return share.quantize(Decimal("0.1"), ROUND_FLOOR, _EXACT)


def standing_of(meter: UsageMeter, overview: Overview, used: Decimal, now: datetime) -> MeterStanding:
    """Return where a meter stands with what was used in its period of `now`."""
    item = overview.items.get(meter.name)
    period = period_at(item, now)
    projected = projected_use(meter.aggregation, used, period, now)
    price = None if item is None else item.price
    return MeterStanding(
        meter=meter,
        period=period,
        used=used,
        included=None if price is None else included(price),
        overage_price=None if price is None else overage_price(price, used),
        cost=None if price is None else cost(price, used),
        projected_use=projected,
        projected_cost=None if price is None else cost(price, projected),
        alerts=tuple(
            alert
            for alert in overview.alerts
            if alert.threshold.meter == meter.name and alert.period.start == period.start
        ),
    )
