"""A customer with a metered subscription and what it used, on real PostgreSQL."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING

from billing.domain.subscriptions import SubscriptionItem
from billing.domain.usage import Reading, Recorded, UsageEvent
from tests.fakes.more_objects import METER, PRICE
from tests.fakes.objects import a_subscription
from tests.support.metered import FREE_THOUSAND, MARCH

if TYPE_CHECKING:
    from billing.domain.mirror import Snapshot
    from billing.domain.periods import Period
    from billing.domain.subscriptions import Subscription
    from billing.use_cases.usage_ports import UsageStore

NOW = datetime(2026, 3, 16, 12, tzinfo=UTC)
"""Exactly the middle of MARCH."""

CATALOGUE: tuple[Snapshot, ...] = (
    replace(METER, id="mtr_1", event_name="api_calls"),
    replace(
        PRICE,
        id="price_calls",
        billing_scheme="tiered",
        tiers_mode="graduated",
        unit_amount=None,
        tiers=FREE_THOUSAND,
        recurring_meter="mtr_1",
        transform_divide_by=None,
        transform_round=None,
    ),
)
"""A Stripe meter that api_calls feeds, and its price: a thousand are included, then half a cent each."""


def subscription(customer: str = "cus_1", period: Period = MARCH) -> Subscription:
    """Return a subscription to that price."""
    item = SubscriptionItem("si_calls", "price_calls", "prod_1", None, period)
    return a_subscription(
        id=f"sub_{customer}",
        customer=customer,
        currency="usd",
        billing_cycle_anchor=period.start,
        items=(item,),
    )


@dataclass(slots=True)
class UsageAccount:
    """Records the usage of one customer at NOW."""

    store: UsageStore
    customer: str = "cus_1"
    numbers: count[int] = count(1)  # noqa: RUF009 - one for all accounts: ids differ

    def use(
        self, meter: str, value: str, at: datetime = NOW, *, region: str = "", recorded_at: datetime = NOW
    ) -> None:
        """Record an event of a meter; a text that is no number is one of different values."""
        name = f"evt_{next(self.numbers)}"
        if meter == "active_users":
            reading = Reading(meter, distinct=value)
        else:
            groups = (region,) if meter == "api_calls" else ()
            reading = Reading(meter, Decimal(value), groups=groups)
        event = UsageEvent("app", name, at, hashlib.md5(name.encode()).digest(), (reading,))  # noqa: S324
        assert self.store.record(self.customer, [event], recorded_at, {}, lambda _: ()) == (
            Recorded.ACCEPTED,
        )
