"""The part of bootstrap that joins the use cases of metering, in a file of its own for its size.

Like there, each is built on first use, kept for the life of the execution environment, and imports inside.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from billing import bootstrap

if TYPE_CHECKING:
    from billing.adapters.postgres.connection import Database
    from billing.use_cases.get_alerts import GetAlerts
    from billing.use_cases.get_current_usage import GetCurrentUsage
    from billing.use_cases.get_usage_history import GetUsageHistory
    from billing.use_cases.put_alerts import PutAlerts
    from billing.use_cases.record_usage import RecordUsage
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
    """Return where usage events are kept."""
    from billing.adapters.postgres.usage import PostgresUsageStore

    return PostgresUsageStore(_database())


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


def _database() -> Database:
    return bootstrap._database()  # noqa: SLF001 - a process has one connection, whichever file asks
