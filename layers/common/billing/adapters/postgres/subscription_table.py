"""Subscriptions and their items in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from billing.adapters.postgres.mirror_sql import Write

if TYPE_CHECKING:
    from billing.domain.subscriptions import Subscription, SubscriptionItem

_COLUMNS = (
    "created",
    "customer",
    "status",
    "currency",
    "collection_method",
    "cancel_at_period_end",
    "start_date",
    "billing_cycle_anchor",
    "cancel_at",
    "canceled_at",
    "ended_at",
    "trial_start",
    "trial_end",
)

# Positions that exist twice are updated, and only where something differs; the rest goes.
_REPLACE_ITEMS = (
    """
surplus AS (
    DELETE FROM subscription_items AS item USING head
    WHERE item.subscription = head.id AND item.position >= jsonb_array_length(%(items)s)
)""",
    """
items AS (
    INSERT INTO subscription_items AS held
        (subscription, position, customer, id, price, product, quantity, period_start, period_end)
    SELECT head.id, item.position, head.customer, item.id, item.price, item.product, item.quantity,
        item.period_start, item.period_end
    FROM head, jsonb_to_recordset(%(items)s) AS item(
        position integer, id text, price text, product text, quantity numeric, period_start timestamptz,
        period_end timestamptz
    )
    ON CONFLICT (subscription, position) DO UPDATE SET
        customer = excluded.customer, id = excluded.id, price = excluded.price, product = excluded.product,
        quantity = excluded.quantity, period_start = excluded.period_start, period_end = excluded.period_end
    WHERE (held.*) IS DISTINCT FROM (excluded.*)
)""",
)


def write_subscription(subscription: Subscription) -> Write:
    """Return how a subscription's state is written, with every item."""
    items = [_item(position, item) for position, item in enumerate(subscription.items)]
    return Write(
        table="subscriptions",
        columns=_COLUMNS,
        parameters={
            "id": subscription.id,
            "livemode": subscription.livemode,
            "created": subscription.created,
            "customer": subscription.customer,
            "status": subscription.status.value,
            "currency": subscription.currency,
            "collection_method": subscription.collection_method,
            "cancel_at_period_end": subscription.cancel_at_period_end,
            "start_date": subscription.start_date,
            "billing_cycle_anchor": subscription.billing_cycle_anchor,
            "cancel_at": subscription.cancel_at,
            "canceled_at": subscription.canceled_at,
            "ended_at": subscription.ended_at,
            "trial_start": subscription.trial_start,
            "trial_end": subscription.trial_end,
            "items": Jsonb(items),
        },
        parts=_REPLACE_ITEMS,
    )


def delete_subscription() -> Write:
    """Return how a subscription's deletion is written: its items go."""
    return Write(
        table="subscriptions",
        columns=("deleted_at",),
        parameters={"items": Jsonb([])},
        parts=_REPLACE_ITEMS[:1],
    )


def _item(position: int, item: SubscriptionItem) -> dict[str, Any]:
    return {
        "position": position,
        "id": item.id,
        "price": item.price,
        "product": item.product,
        "quantity": None if item.quantity is None else str(item.quantity),
        "period_start": item.current_period.start.isoformat(),
        "period_end": item.current_period.end.isoformat(),
    }
