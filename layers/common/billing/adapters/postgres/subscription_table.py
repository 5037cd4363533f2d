"""Subscriptions and their items in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.adapters.postgres.instants import instant_or_none

if TYPE_CHECKING:
    from billing.adapters.postgres.codec import Json
    from billing.domain.subscriptions import Subscription, SubscriptionItem


def subscription_state(subscription: Subscription) -> Json:
    """Return the state that apply_subscription writes, with every item."""
    return {
        "id": subscription.id,
        "livemode": subscription.livemode,
        "created": subscription.created.isoformat(),
        "customer": subscription.customer,
        "status": subscription.status.value,
        "currency": subscription.currency,
        "collection_method": subscription.collection_method,
        "cancel_at_period_end": subscription.cancel_at_period_end,
        "start_date": subscription.start_date.isoformat(),
        "billing_cycle_anchor": subscription.billing_cycle_anchor.isoformat(),
        "cancel_at": instant_or_none(subscription.cancel_at),
        "canceled_at": instant_or_none(subscription.canceled_at),
        "ended_at": instant_or_none(subscription.ended_at),
        "trial_start": instant_or_none(subscription.trial_start),
        "trial_end": instant_or_none(subscription.trial_end),
        "items": [_item(position, item) for position, item in enumerate(subscription.items)],
    }


def subscription_deletion() -> Json:
    """Return what a deletion changes: the items go."""
    return {"items": []}


def _item(position: int, item: SubscriptionItem) -> Json:
    return {
        "position": position,
        "id": item.id,
        "price": item.price,
        "product": item.product,
        "quantity": None if item.quantity is None else str(item.quantity),
        "period_start": item.current_period.start.isoformat(),
        "period_end": item.current_period.end.isoformat(),
    }
