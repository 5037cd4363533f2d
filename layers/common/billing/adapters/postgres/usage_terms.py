"""What a customer's usage is held against, in one round trip."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.adapters.postgres.connection import Statement
from billing.adapters.postgres.usage_alerts import SELECT_CHOSEN, read_chosen
from billing.adapters.postgres.usage_plans import SELECT_ITEMS, read_items

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from billing.adapters.postgres.connection import Database
    from billing.domain.usage_alerts import Threshold
    from billing.domain.usage_plans import MeteredItem


class PostgresUsageTerms:
    """The port `UsageTerms`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, customer: str) -> tuple[Mapping[str, MeteredItem], Sequence[Threshold] | None]:
        """Return the items that price the meters, and the thresholds that the customer set, None if never.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        own = {"customer": customer}
        items, chosen = self._database.read_as(
            customer, Statement(SELECT_ITEMS, own), Statement(SELECT_CHOSEN, own)
        )
        return read_items(items), read_chosen(chosen)
