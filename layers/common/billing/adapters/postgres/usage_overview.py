"""Everything about a customer's usage but the usage, in one round trip."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.adapters.postgres.connection import Statement
from billing.adapters.postgres.usage import SELECT_METERS, read_meters
from billing.adapters.postgres.usage_alerts import SELECT_FIRED, read_alerts
from billing.adapters.postgres.usage_plans import SELECT_ITEMS, read_items
from billing.domain.usage_overview import Overview

if TYPE_CHECKING:
    from datetime import datetime

    from billing.adapters.postgres.connection import Database


class PostgresUsageOverview:
    """The port `UsageOverview`, for the role billing_api."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, customer: str, now: datetime) -> Overview:
        """Return every meter, what prices it, and the alerts that `UsageAlerts.fired` returns.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        meters, items, alerts = self._database.read_as(
            customer,
            Statement(SELECT_METERS),
            Statement(SELECT_ITEMS, {"customer": customer}),
            Statement(SELECT_FIRED, {"customer": customer, "since": now}),
        )
        return Overview(
            {meter.name: meter for meter in read_meters(meters)}, read_items(items), read_alerts(alerts)
        )
