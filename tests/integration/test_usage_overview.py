"""The overview of a customer's usage on real PostgreSQL."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from billing.adapters.postgres.connection import Database
from billing.adapters.postgres.mirror import PostgresMirror
from billing.adapters.postgres.usage import PostgresUsageMeters, PostgresUsageStore
from billing.adapters.postgres.usage_alerts import PostgresUsageAlerts, alert_statements
from billing.adapters.postgres.usage_overview import PostgresUsageOverview
from billing.adapters.postgres.usage_plans import PostgresUsagePlans
from billing.domain.mirror import Observation
from billing.domain.usage import Grain
from billing.domain.usage_alerts import Threshold, ThresholdKind, UsageAlert
from billing.use_cases.get_current_usage import GetCurrentUsage
from billing.use_cases.get_usage_history import GetUsageHistory, HistoryQuery
from tests.fakes.objects import SECOND, an_event
from tests.support.metered import MARCH
from tests.support.usage_account import CATALOGUE, NOW, UsageAccount, subscription

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import LiteralString

    from psycopg.rows import DictRow

    from billing.adapters.postgres.connection import Credentials, Statement
    from billing.settings import DatabaseSettings


class CountingDatabase(Database):
    """Counts its round trips: each read is one message to the server and one back."""

    trips = 0

    def read_as(self, customer: str, *statements: Statement) -> list[list[DictRow]]:
        """Return the rows, as Database does."""
        self.trips += 1
        return super().read_as(customer, *statements)

    def query(self, statement: Statement) -> list[DictRow]:
        """Return the rows, as Database does."""
        self.trips += 1
        return super().query(statement)

    def call(self, text: LiteralString, parameters: Sequence[str | None]) -> str:
        """Return the value, as Database does."""
        self.trips += 1
        return super().call(text, parameters)


@pytest.fixture
def counting(
    database: DatabaseSettings, database_secrets: dict[str, Credentials]
) -> Iterator[CountingDatabase]:
    """Return a connection as the customers' functions have it."""
    with CountingDatabase(database, lambda _: database_secrets["billing_api"]) as opened:
        yield opened


@pytest.fixture
def sold(worker_database: Database) -> None:
    """Mirror a subscription, record usage, and fire alerts of two periods and of another customer."""
    mirror = PostgresMirror(worker_database)
    for number, state in enumerate((*CATALOGUE, subscription())):
        event = an_event(f"evt_{number}", state)
        mirror.apply(event, Observation(state, event.created + SECOND))
    UsageAccount(PostgresUsageStore(worker_database)).use("api_calls", "5")
    last = type(MARCH)(MARCH.start - timedelta(days=28), MARCH.start)
    for customer, period in (("cus_1", MARCH), ("cus_1", last), ("cus_2", MARCH)):
        threshold = Threshold("api_calls", ThresholdKind.PERCENT, Decimal(80))
        fired_at = min(NOW, period.end - SECOND)
        alert = UsageAlert(customer, threshold, period, fired_at, Decimal(800), Decimal(1000), 5, "usd")
        worker_database.write(*alert_statements(alert))


def test_the_overview_is_what_three_ports_say(sold: None, counting: CountingDatabase) -> None:
    """Given a subscription and alerts, when the overview is read, then it is what each port says alone."""
    overview = PostgresUsageOverview(counting).of("cus_1", NOW)
    assert counting.trips == 1
    assert list(overview.meters.values()) == list(PostgresUsageMeters(counting).all())
    assert overview.meters
    assert overview.items == PostgresUsagePlans(counting).items("cus_1")
    assert overview.items["api_calls"].subscription == "sub_cus_1"
    assert overview.alerts == PostgresUsageAlerts(counting).fired("cus_1", NOW)
    assert [(alert.customer, alert.period) for alert in overview.alerts] == [("cus_1", MARCH)]


def test_what_a_customer_is_shown_takes_two_round_trips(sold: None, counting: CountingDatabase) -> None:
    """Given three meters, when the current usage or a history is read, then it is in two round trips."""
    overview, store = PostgresUsageOverview(counting), PostgresUsageStore(counting)
    current = GetCurrentUsage(overview, store, lambda: NOW)("cus_1")
    assert {each.meter.name: each.used for each in current.meters}["api_calls"] == 5
    assert counting.trips == 2
    query = HistoryQuery("api_calls", None, None, Grain.DAY, "region")
    assert [point.used for point in GetUsageHistory(overview, store, lambda: NOW)("cus_1", query).points] == [
        5
    ]
    assert counting.trips == 4
