"""The part of bootstrap that joins the use cases of metering, in a file of its own for its size.

Like there, each is built on first use, kept for the life of the execution environment, and imports inside.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from billing import bootstrap
from billing.settings import (
    ClickHouseSettings,
    calls_per_second,
    meter_events_per_second,
    required,
    usage_retention,
    usage_store_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clickhouse_connect.driver.client import Client

    from billing.adapters.clickhouse.engine import ClickHouse
    from billing.adapters.postgres.connection import Database
    from billing.adapters.stripe.client import StripeConnection
    from billing.use_cases.get_alerts import GetAlerts
    from billing.use_cases.get_current_usage import GetCurrentUsage
    from billing.use_cases.get_usage_history import GetUsageHistory
    from billing.use_cases.late_usage import LateUsage
    from billing.use_cases.move_usage import MoveUsage
    from billing.use_cases.put_alerts import PutAlerts
    from billing.use_cases.record_usage import RecordUsage
    from billing.use_cases.report_ports import UsageElsewhere
    from billing.use_cases.report_usage import ReportUsage
    from billing.use_cases.usage_ports import UsageAlerts, UsageMeters, UsageOverview, UsageStore


@cache
def current_usage() -> GetCurrentUsage:
    """Return the use case behind GET usage/current."""
    from billing.use_cases.get_current_usage import GetCurrentUsage

    return GetCurrentUsage(_overview(), usage_store(), bootstrap.now)


@cache
def usage_history() -> GetUsageHistory:
    """Return the use case behind GET usage/history."""
    from billing.use_cases.get_usage_history import GetUsageHistory

    return GetUsageHistory(_overview(), usage_store(), bootstrap.now)


@cache
def usage_meters() -> UsageMeters:
    """Return where the meters are defined."""
    from billing.adapters.postgres.usage import PostgresUsageMeters

    return PostgresUsageMeters(_database())


@cache
def usage_store() -> UsageStore:
    """Return where usage events are kept: in PostgreSQL, or where each customer's are."""
    from billing.adapters.postgres.usage import PostgresUsageStore

    postgres = PostgresUsageStore(_database())
    fresh = usage_store_of(os.environ)
    if not os.environ.get("CLICKHOUSE_HOST"):
        return postgres
    from billing.adapters.clickhouse.usage import ClickHouseUsageStore
    from billing.adapters.usage_homes import HomedUsageStore

    clickhouse = ClickHouseUsageStore(_database(), _clickhouse())
    return HomedUsageStore(_database(), {"postgres": postgres, "clickhouse": clickhouse}, fresh)


@cache
def move_usage() -> MoveUsage:
    """Return the use case behind `make move-usage`: moves to the store that the setting names."""
    from billing.adapters.clickhouse.moving import UsageMover
    from billing.use_cases.move_usage import MoveUsage

    return MoveUsage(UsageMover(_database(), _clickhouse()), usage_store_of(os.environ))


@cache
def late_usage() -> LateUsage:
    """Return the use case behind `make late-usage`."""
    from billing.adapters.postgres.usage_policies import PostgresUsagePolicies
    from billing.use_cases.late_usage import LateUsage

    return LateUsage(PostgresUsagePolicies(_database()))


@cache
def usage_alerts() -> UsageAlerts:
    """Return where thresholds and alerts are kept."""
    from billing.adapters.postgres.usage_alerts import PostgresUsageAlerts

    return PostgresUsageAlerts(_database())


@cache
def record_usage() -> RecordUsage:
    """Return the use case behind POST usage/events."""
    from billing.adapters.postgres.usage_terms import PostgresUsageTerms
    from billing.use_cases.recent_meters import RecentMeters
    from billing.use_cases.record_usage import RecordUsage

    return RecordUsage(
        meters=RecentMeters(usage_meters(), bootstrap.now),
        terms=PostgresUsageTerms(_database()),
        store=usage_store(),
        clock=bootstrap.now,
    )


@cache
def report_usage() -> ReportUsage:
    """Return the use case behind the schedule that tells Stripe what was used."""
    from billing.adapters.postgres.usage_reports import PostgresUsageReports, PostgresUsageUpkeep
    from billing.adapters.stripe.meter_events import StripeMeterEvents
    from billing.use_cases.report_usage import ReportUsage

    @contextmanager
    def lane() -> Iterator[PostgresUsageReports]:
        with bootstrap.another_database() as database:
            yield PostgresUsageReports(database)

    return ReportUsage(
        reports=PostgresUsageReports(_database()),
        lane=lane,
        upkeep=PostgresUsageUpkeep(_database()),
        meters=StripeMeterEvents(
            _stripe_at(meter_events_per_second(os.environ)), _stripe_at(calls_per_second(os.environ))
        ),
        clock=bootstrap.now,
        retention=usage_retention(os.environ),
        elsewhere=_usage_elsewhere(),
    )


def _usage_elsewhere() -> UsageElsewhere | None:
    if not os.environ.get("CLICKHOUSE_HOST"):
        return None
    from billing.adapters.clickhouse.elsewhere import ClickHouseUsageElsewhere

    return ClickHouseUsageElsewhere(_database(), _clickhouse())


@cache
def get_alerts() -> GetAlerts:
    """Return the use case behind GET alerts."""
    from billing.use_cases.get_alerts import GetAlerts

    return GetAlerts(meters=usage_meters(), alerts=usage_alerts(), clock=bootstrap.now)


@cache
def put_alerts() -> PutAlerts:
    """Return the use case behind PUT alerts."""
    from billing.use_cases.put_alerts import PutAlerts

    return PutAlerts(meters=usage_meters(), alerts=usage_alerts(), get=get_alerts())


@cache
def _overview() -> UsageOverview:
    from billing.adapters.postgres.usage_overview import PostgresUsageOverview

    return PostgresUsageOverview(_database())


@cache
def _clickhouse() -> ClickHouse:
    from billing.adapters.clickhouse.engine import ClickHouse, connect_to

    def connect() -> Client:
        settings = ClickHouseSettings.from_environment(os.environ)
        secret = bootstrap._secrets()  # noqa: SLF001 - as for the database
        username = secret.text(settings.secret_id, "username", refresh=True)
        return connect_to(settings, username, secret.text(settings.secret_id, "password"))

    return ClickHouse(connect)


def _stripe_at(limit: float) -> StripeConnection:
    """Return a connection that leaves a fifth of Stripe's limit of calls a second to others."""
    from billing.adapters.stripe.client import StripeConnection
    from billing.adapters.stripe.pace import TokenBucket

    secret_id = required(os.environ, "STRIPE_API_KEY_SECRET_ID")
    return StripeConnection(
        lambda refresh: bootstrap._secrets().text(secret_id, "api_key", refresh=refresh),  # noqa: SLF001
        required(os.environ, "STRIPE_API_BASE"),
        # A call is made inside of a transaction, which must not wait for long; the next run tries again.
        retries=0,
        pace=TokenBucket(0.8 * limit),
    )


def _database() -> Database:
    return bootstrap._database()  # noqa: SLF001 - a process has one connection, whichever file asks
