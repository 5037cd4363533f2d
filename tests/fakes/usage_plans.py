"""The port `UsagePlans` over a mirror in memory; it passes the contract that PostgreSQL passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.domain.catalogue import Meter, Price
from billing.domain.subscriptions import Subscription, SubscriptionStatus
from billing.domain.usage_plans import MeteredItem, MeteredPrice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from billing.domain.subscriptions import SubscriptionItem
    from billing.domain.usage import UsageMeter
    from tests.fakes.mirror import FakeMirror

_BILLED = {
    SubscriptionStatus.TRIALING,
    SubscriptionStatus.ACTIVE,
    SubscriptionStatus.PAST_DUE,
    SubscriptionStatus.UNPAID,
}


class FakeUsagePlans:
    """What the subscriptions of a FakeMirror say about `meters`, which are ours by name."""

    def __init__(self, mirror: FakeMirror) -> None:
        self.meters: dict[str, UsageMeter] = {}
        self._mirror = mirror

    def items(self, customer: str) -> Mapping[str, MeteredItem]:
        """Return the item of the first subscription for each meter."""
        states = [held.state for held in self._mirror.held.values() if not held.deleted]
        prices = {state.id: state for state in states if isinstance(state, Price)}
        told = {state.id: state.event_name for state in states if isinstance(state, Meter)}
        subscriptions = [
            state
            for state in states
            if isinstance(state, Subscription) and state.customer == customer and state.status in _BILLED
        ]
        found: dict[str, MeteredItem] = {}
        for subscription in sorted(subscriptions, key=lambda each: (each.created, each.id)):
            for item in subscription.items:
                price = prices.get(item.price)
                event_name = None if price is None else told.get(price.recurring_meter or "")
                for meter in self.meters.values():
                    if price is not None and event_name and meter.stripe_event_name == event_name:
                        found.setdefault(meter.name, _item(subscription, item, price))
        return found


def _item(subscription: Subscription, item: SubscriptionItem, price: Price) -> MeteredItem:
    assert price.recurring_interval is not None
    assert price.recurring_interval_count is not None
    return MeteredItem(
        subscription=subscription.id,
        status=subscription.status.value,
        item=item.id,
        price=MeteredPrice(
            id=price.id,
            currency=price.currency,
            billing_scheme=price.billing_scheme,
            unit_amount=price.unit_amount,
            tiers_mode=price.tiers_mode,
            tiers=price.tiers or (),
            interval=price.recurring_interval,
            interval_count=price.recurring_interval_count,
            transform_divide_by=price.transform_divide_by,
            transform_round=price.transform_round,
        ),
        current_period=item.current_period,
        anchor=subscription.billing_cycle_anchor,
    )
