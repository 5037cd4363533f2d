"""What customers' subscriptions say about meters: the mirror of Stripe, beside our own meters."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, LiteralString

from billing.adapters.postgres.connection import Statement
from billing.adapters.postgres.instants import period, utc
from billing.domain.catalogue import PriceTier
from billing.domain.usage_plans import MeteredItem, MeteredPrice

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from psycopg.rows import DictRow

    from billing.adapters.postgres.codec import Json
    from billing.adapters.postgres.connection import Database

SELECT_ITEMS: LiteralString = """
SELECT meter, subscription, status, billing_cycle_anchor, item, period_start, period_end, price, currency,
    billing_scheme, unit_amount, tiers_mode, tiers, recurring_interval, recurring_interval_count,
    transform_divide_by, transform_round
FROM usage_items(%(customer)s)"""


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
