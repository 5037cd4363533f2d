from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest

from billing.adapters.postgres.connection import Statement
from billing.adapters.postgres.usage import PostgresUsageStore
from billing.domain.periods import Period

if TYPE_CHECKING:
    from typing import LiteralString

    from billing.adapters.postgres.connection import Connection, Database

T0 = datetime(2026, 3, 10, tzinfo=UTC)

FILLED: dict[LiteralString, LiteralString] = {
    "usage_events": "(customer, meter, counted_at, quantity, groups, time, recorded_at, source, id)"
    " VALUES (%s, 'api_calls', now(), 1, '[]', now(), now(), 's', '1')",
    "usage_voids": "(customer, source, id, voided_by, meters, recorded_at)"
    " VALUES (%s, 's', '1', '2', '{}', now())",
    "usage_boundaries": "(customer, at) VALUES (%s, now())",
    "usage_rollups": "(customer, meter, bucket, groups, count) VALUES (%s, 'api_calls', now(), '[]', 1)",
    "usage_values": "(customer, meter, bucket, groups, value) VALUES (%s, 'api_calls', now(), '[]', 'a')",
    "usage_snapshots": "VALUES (%s, 'api_calls', now() - interval '1 day', now(), 1, now())",
    "usage_policies": "VALUES (%s, 'ignore')",
    "usage_thresholds": "VALUES (%s, 'api_calls', 'percent', 80)",
    "usage_threshold_choices": "(customer) VALUES (%s)",
    "usage_alerts": "(customer, meter, kind, threshold, period_start, period_end, fired_at, used)"
    " VALUES (%s, 'api_calls', 'percent', 80, now(), now(), now(), 1)",
}
"""What customers read, and a row of it."""


@pytest.fixture
def filled(owner: Connection) -> tuple[str, str]:
    """Give two customers a row of everything that customers may read."""
    for customer in ("cus_1", "cus_2"):
        for table, row in FILLED.items():
            owner.execute("INSERT INTO " + table + " " + row, [customer])
    return ("cus_1", "cus_2")


@pytest.mark.parametrize("table", FILLED)
def test_usage_is_seen_by_its_customer_alone(
    api_database: Database, filled: tuple[str, str], table: LiteralString
) -> None:
    """Given usage of two customers, when a query lacks its WHERE, then only the tenant's rows come (19)."""
    everything = Statement("TABLE " + table)
    assert api_database.query(everything) == []
    for customer in filled:
        (rows,) = api_database.read_as(customer, everything)
        assert {row["customer"] for row in rows} == {customer}


def test_reading_usage_shows_what_row_security_does_and_leaves_no_tenant_behind(
    api_database: Database, owner: Connection, filled: tuple[str, str]
) -> None:
    """Given usage of two customers, when each reads its own, the policy decides, and no tenant stays (19)."""
    store, span = PostgresUsageStore(api_database), Period(T0, T0 + timedelta(days=1))
    for customer in filled:
        owner.execute(
            "INSERT INTO usage_rollups (customer, meter, bucket, groups, count, sum)"
            " VALUES (%s, 'api_calls', %s, '[]', 1, %s)",
            [customer, T0, int(customer[-1])],
        )
    for customer in filled:
        assert store.used(customer, {"api_calls": span}) == {"api_calls": int(customer[-1])}
        assert api_database.query(Statement("TABLE usage_rollups")) == []
    owner.execute("DROP POLICY customer_reads_own ON usage_rollups")
    assert store.used(filled[0], {"api_calls": span}) == {"api_calls": 0}


@pytest.mark.parametrize(
    "table",
    ["usage_event_keys", "usage_findings", "usage_hours", "usage_reports", "events", "usage_events_default"],
)
def test_a_customer_reads_nothing_of_the_works(api_database: Database, table: LiteralString) -> None:
    """Given the customer-facing role, when it reads ids, ledgers, findings or a month, then it is refused."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        api_database.read_as("cus_1", Statement("TABLE " + table))


@pytest.mark.parametrize(
    "command",
    [
        "INSERT INTO usage_events SELECT * FROM usage_events",
        "UPDATE usage_events SET value = 0",
        "UPDATE usage_rollups SET sum = 0",
        "UPDATE usage_meters SET retired = true",
        "DELETE FROM usage_alerts",
        "DELETE FROM usage_voids",
        "INSERT INTO usage_thresholds VALUES ('cus_2', 'api_calls', 'percent', 90)",
        "INSERT INTO usage_alerts SELECT 'cus_2', 'api_calls', 'percent', 80, now(), now(), now(), 1",
        "INSERT INTO events (type, customer, data) VALUES ('usage.alert.fired', 'cus_2', '{}')",
        "SELECT store_usage('cus_2', now(), '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')",
        "SELECT rebuild_usage('cus_1', '{}')",
        "SELECT freeze_usage('cus_1', 'api_calls', now(), now(), now())",
        "SELECT drop_usage_months(now())",
        "SELECT record_usage(now(), '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')",
    ],
)
def test_a_customer_writes_usage_by_one_function_and_as_itself(
    api_database: Database, command: LiteralString
) -> None:
    """Given no tenant, when the customer-facing role writes usage in any way, then PostgreSQL refuses."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        api_database.query(Statement(command))


@pytest.mark.parametrize(
    "command",
    [
        "UPDATE usage_events SET value = 0",
        "DELETE FROM usage_events",
        "UPDATE usage_snapshots SET used = 0",
        "DELETE FROM usage_snapshots",
        "DELETE FROM usage_event_keys",
        "UPDATE usage_alerts SET used = 0",
        "UPDATE events SET data = '{}'",
        "DELETE FROM events",
        "DELETE FROM usage_findings",
        "TABLE usage_events_default",
    ],
)
def test_the_worker_cannot_rewrite_what_was_counted(
    worker_database: Database, command: LiteralString
) -> None:
    """Given the worker, when it changes what was counted or billed, then PostgreSQL refuses."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        worker_database.query(Statement(command))


def test_no_role_has_anything_granted_on_a_month(owner: Connection) -> None:
    """Given the partitions, when their grants are listed, then there are none: policies are the parents."""
    granted = owner.execute(
        "SELECT relname FROM pg_class, aclexplode(relacl) AS granted"
        " WHERE relispartition AND relkind = 'r' AND granted.grantee <> relowner"
    ).fetchall()
    assert granted == []
