"""Show a customer what it used in the periods that run now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from billing.domain.billing_periods import period_at
from billing.domain.usage_overview import standing_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from billing.domain.periods import Period
    from billing.domain.usage_overview import MeterStanding
    from billing.domain.usage_plans import MeteredItem
    from billing.use_cases.usage_ports import UsageOverview, UsageStore


@dataclass(frozen=True, slots=True)
class CurrentUsage:
    """Where every meter stands, by name; `period` is that of `item`, or the month of UTC without one.

    `item` is the first of the metered items, None for a customer without a metered subscription.
    """

    as_of: datetime
    period: Period
    item: MeteredItem | None
    meters: tuple[MeterStanding, ...]


@dataclass(frozen=True, slots=True)
class GetCurrentUsage:
    """Reads the totals, which do not grow with the number of events; two round trips."""

    overview: UsageOverview
    store: UsageStore
    clock: Callable[[], datetime]

    def __call__(self, customer: str) -> CurrentUsage:
        """Return where the customer stands now.

        An event of the next five minutes counts already if its period has begun.

        Raises
        ------
        UnavailableError
            The database or the store does not answer.
        """
        now = self.clock()
        overview = self.overview.of(customer, now)
        used = self.store.used(customer, {name: overview.period(name, now) for name in overview.meters})
        return CurrentUsage(
            as_of=now,
            period=period_at(overview.leading, now),
            item=overview.leading,
            meters=tuple(
                standing_of(meter, overview, used[name], now) for name, meter in overview.meters.items()
            ),
        )
