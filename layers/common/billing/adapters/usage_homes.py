"""Usage of customers of whom some are in one store and some in another; docs/decisions/0014."""

from __future__ import annotations

from typing import TYPE_CHECKING, LiteralString

from billing.adapters.postgres.connection import Statement

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal

    from billing.adapters.postgres.connection import Database
    from billing.domain.periods import Period
    from billing.domain.usage import Grain, Recorded, UsageEvent, UsageMeter, UsagePoint, UsageSnapshot
    from billing.use_cases.usage_ports import React, UsageStore, Watched

_HOME: LiteralString = "SELECT choose_usage_home(%(customer)s, %(fresh)s) AS store"


class HomedUsageStore:
    """The port `UsageStore`: asks where a customer's events are, and turns to that store.

    `fresh` is the name of the store for customers of whom there is nothing yet. A customer that is moved just
    then is refused by the store it left, as by one that does not answer.
    """

    def __init__(self, database: Database, stores: Mapping[str, UsageStore], fresh: str) -> None:
        self._database = database
        self._stores = stores
        self._fresh = fresh

    def record(
        self,
        customer: str,
        events: Sequence[UsageEvent],
        recorded_at: datetime,
        watched: Collection[Watched],
        react: React,
    ) -> Sequence[Recorded]:
        """Keep the events, and return what became of each, as the port says.

        Raises
        ------
        UnavailableError
            The store does not answer, or the customer is being moved.
        """
        return self._of(customer).record(customer, events, recorded_at, watched, react)

    def used(self, customer: str, spans: Mapping[str, Period]) -> Mapping[str, Decimal]:
        """Return what was used of each meter in its span, exact to the event.

        Raises
        ------
        UnavailableError
            The store does not answer.
        """
        return self._of(customer).used(customer, spans)

    def history(
        self, customer: str, meter: UsageMeter, span: Period, grain: Grain, group_by: Sequence[str] = ()
    ) -> Sequence[UsagePoint]:
        """Return what was used in each UTC day or hour within the span, as the port says.

        Raises
        ------
        UnavailableError
            The store does not answer.
        """
        return self._of(customer).history(customer, meter, span, grain, group_by)

    def freeze(self, customer: str, meter: str, span: Period, at: datetime) -> UsageSnapshot:
        """Close the period and return what was used in it; the first answer stands for ever.

        Raises
        ------
        UnavailableError
            The store does not answer, or the customer is being moved.
        """
        return self._of(customer).freeze(customer, meter, span, at)

    def _of(self, customer: str) -> UsageStore:
        (row,) = self._database.query(Statement(_HOME, {"customer": customer, "fresh": self._fresh}))
        return self._stores[row["store"]]
