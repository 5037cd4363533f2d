"""What customers' subscriptions say about meters: the mirror of Stripe, beside our own meters."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, LiteralString

from billing.adapters.postgres.codec import period, utc
from billing.adapters.postgres.connection import Statement
from billing.domain.catalogue import PriceTier
from billing.domain.usage_plans import MeteredItem, MeteredPrice

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from psycopg.rows import DictRow

    from billing.adapters.postgres.codec import Json
    from billing.adapters.postgres.connection import Database

# Stripe bills the usage of these statuses: an unpaid subscription still makes invoices, as drafts. A paused
# one makes none, and an incomplete one has not begun. A price that was archived is still what is paid.
SELECT_ITEMS: LiteralString = """
SELECT DISTINCT ON (own.name) own.name AS meter, s.id AS subscription, s.status, s.billing_cycle_anchor,
    i.id AS item, i.period_start, i.period_end, p.id AS price, p.currency, p.billing_scheme, p.unit_amount,
    p.tiers_mode, p.tiers, p.recurring_interval, p.recurring_interval_count, p.transform_divide_by,
    p.transform_round
FROM subscriptions AS s
JOIN subscription_items AS i ON i.subscription = s.id
JOIN prices AS p ON p.id = i.price AND p.deleted_at IS NULL
JOIN billing_meters AS b ON b.id = p.recurring_meter AND b.deleted_at IS NULL
JOIN usage_meters AS own ON own.stripe_event_name = b.event_name
WHERE s.customer = %(customer)s AND s.deleted_at IS NULL
    AND s.status IN ('trialing', 'active', 'past_due', 'unpaid')
ORDER BY own.name, s.created, s.id, i.position"""


class PostgresUsagePlans:
    """The port `UsagePlans`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def items(self, customer: str) -> Mapping[str, MeteredItem]:
        """Return the item that prices each meter, by the meter's name, as the port says; one round trip.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        (rows,) = self._database.read_as(customer, Statement(SELECT_ITEMS, {"customer": customer}))
        return read_items(rows)


def read_items(rows: Iterable[DictRow]) -> Mapping[str, MeteredItem]:
    """Return the items of the rows of SELECT_ITEMS, by meter."""
    return {row["meter"]: _item(row) for row in rows}


def _item(row: DictRow) -> MeteredItem:
    return MeteredItem(
        subscription=row["subscription"],
        status=row["status"],
        item=row["item"],
        price=MeteredPrice(
            id=row["price"],
            currency=row["currency"],
            billing_scheme=row["billing_scheme"],
            unit_amount=row["unit_amount"],
            tiers_mode=row["tiers_mode"],
            tiers=tuple(_tier(tier) for tier in row["tiers"]),
            interval=row["recurring_interval"],
            interval_count=row["recurring_interval_count"],
            transform_divide_by=row["transform_divide_by"],
            transform_round=row["transform_round"],
        ),
        current_period=period(row["period_start"], row["period_end"]),
        anchor=utc(row["billing_cycle_anchor"]),
    )


def _tier(tier: Json) -> PriceTier:
    return PriceTier(tier["up_to"], _decimal(tier["unit_amount"]), _decimal(tier["flat_amount"]))


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
