"""Subscriptions of the API versions from 2025-03-31.basil on, whose items have the billing periods."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from billing.domain.subscriptions import Subscription, SubscriptionItem, SubscriptionStatus

if TYPE_CHECKING:
    from billing.adapters.stripe.reading import Node


def read_subscription(subscription: Node) -> Subscription:
    """Return the snapshot with the items that the payload embeds.

    Raises
    ------
    UnreadableError
        A member is missing or not what it should be.
    """
    subscription.expect("object", "subscription")
    items = subscription.node("items")
    return Subscription(
        id=subscription.text("id"),
        livemode=subscription.flag("livemode"),
        created=subscription.instant("created"),
        customer=subscription.reference("customer"),
        status=subscription.choice("status", SubscriptionStatus),
        currency=subscription.currency("currency"),
        collection_method=subscription.text("collection_method"),
        cancel_at_period_end=subscription.flag("cancel_at_period_end"),
        start_date=subscription.instant("start_date"),
        billing_cycle_anchor=subscription.instant("billing_cycle_anchor"),
        cancel_at=subscription.optional_instant("cancel_at"),
        canceled_at=subscription.optional_instant("canceled_at"),
        ended_at=subscription.optional_instant("ended_at"),
        trial_start=subscription.optional_instant("trial_start"),
        trial_end=subscription.optional_instant("trial_end"),
        items=tuple(read_item(item) for item in items.nodes("data")),
        items_complete=not items.flag("has_more"),
    )


def read_item(item: Node) -> SubscriptionItem:
    """Return one item of a subscription.

    Raises
    ------
    UnreadableError
        A member is missing or not what it should be.
    """
    item.expect("object", "subscription_item")
    price = item.node("price")
    return SubscriptionItem(
        id=item.text("id"),
        price=price.text("id"),
        product=price.reference("product"),
        # A metered price has no quantity, and Stripe leaves the member out.
        quantity=Decimal(item.integer("quantity")) if item.has("quantity") else None,
        current_period=item.period("current_period_start", "current_period_end"),
    )
