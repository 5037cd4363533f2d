"""The policies for late usage in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, LiteralString

from billing.adapters.postgres.connection import Statement
from billing.domain.usage import LatePolicy

if TYPE_CHECKING:
    from billing.adapters.postgres.connection import Database

_KNOWN: LiteralString = """
SELECT c.id, coalesce(p.late, 'open_period') AS late
FROM customers AS c
LEFT JOIN usage_policies AS p ON p.customer = c.id
WHERE c.id = %(customer)s AND c.deleted_at IS NULL"""

# Requests that are being recorded end by the policy that they began with.
_LOCK: LiteralString = "SELECT lock_usage(%(customer)s)"

_SET: LiteralString = f"""
WITH known AS ({_KNOWN}), kept AS (
    INSERT INTO usage_policies (customer, late)
    SELECT known.id, %(policy)s FROM known
    ON CONFLICT (customer) DO UPDATE SET late = excluded.late
), told AS (
    INSERT INTO events (type, customer, data)
    SELECT 'usage.late_policy.changed', known.id,
        jsonb_build_object('before', known.late, 'policy', %(policy)s::text)
    FROM known
    WHERE known.late <> %(policy)s
)
SELECT known.late FROM known"""  # noqa: S608 - literals


class PostgresUsagePolicies:
    """The port `UsagePolicies`, for the role billing_worker."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def late_policy(self, customer: str) -> LatePolicy | None:
        """Return what holds for the customer, None for one that is not known.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        rows = self._database.query(Statement(_KNOWN, {"customer": customer}))
        return LatePolicy(rows[0]["late"]) if rows else None

    def set_late_policy(self, customer: str, policy: LatePolicy) -> LatePolicy | None:
        """Keep the policy, and return what held before, as the port says.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        given = {"customer": customer, "policy": policy.value}
        _, rows = self._database.write(Statement(_LOCK, given), Statement(_SET, given))
        return LatePolicy(rows[0]["late"]) if rows else None
