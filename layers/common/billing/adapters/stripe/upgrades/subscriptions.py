"""Subscriptions of older API versions."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from billing.adapters.stripe.upgrades.members import mapped_list, renamed, with_absent

if TYPE_CHECKING:
    from billing.adapters.stripe.upgrades.members import Members


_PERIOD = ("current_period_start", "current_period_end")


def subscription_in_2019(subscription: Members) -> Members:
    """Rename billing to collection_method and start to start_date.

    Before `billing` existed every subscription was charged automatically; `cancel_at` is younger still.
    """
    return with_absent(
        renamed(subscription, collection_method="billing", start_date="start"),
        collection_method="charge_automatically",
        cancel_at=None,
    )


def subscription_in_2020(subscription: Members) -> Members:
    """Make an item's plan its price, and the plan's currency, which is that of all, the subscription's."""
    plan = subscription.get("plan")
    with_prices = mapped_list(subscription, "items", _item_in_2020)
    if isinstance(plan, dict) and "currency" in plan:
        return with_absent(with_prices, currency=plan["currency"])
    return with_prices


def subscription_in_basil(subscription: Members) -> Members:
    """Move the current period from the subscription to each of its items.

    Where these are billed in different intervals, as Stripe allows since, an old version does not tell when
    each of them ends.
    """
    if len({_interval(item) for item in _items(subscription)}) > 1:
        return _with_currency(subscription)
    return _with_currency(mapped_list(subscription, "items", partial(_item_in_basil, subscription)))


def _items(subscription: Members) -> list[Members]:
    items = subscription.get("items")
    data = items.get("data") if isinstance(items, dict) else None
    return [item for item in data if isinstance(item, dict)] if isinstance(data, list) else []


def _interval(item: Members) -> tuple[str, str]:
    """Return an item's interval and how many of them a period has; those of a plan are in the plan itself."""
    price = item.get("price")
    recurring = price.get("recurring", price) if isinstance(price, dict) else None
    told = recurring if isinstance(recurring, dict) else {}
    return str(told.get("interval")), str(told.get("interval_count"))


def _with_currency(subscription: Members) -> Members:
    """Return the subscription with the currency that its items share, where it is not told."""
    if "currency" in subscription:
        return subscription
    prices = [item.get("price") for item in _items(subscription)]
    currencies = {price.get("currency") for price in prices if isinstance(price, dict)}
    return {**subscription, "currency": currencies.pop()} if len(currencies) == 1 else subscription


def _item_in_2020(item: Members) -> Members:
    plan = item.get("plan")
    # Before products had plans (2018-02-05) a plan told no product: the reader will say so.
    return with_absent(item, price=plan) if isinstance(plan, dict) else item


def _item_in_basil(subscription: Members, item: Members) -> Members:
    return {**{name: subscription[name] for name in _PERIOD if name in subscription}, **item}
