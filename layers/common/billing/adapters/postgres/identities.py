"""Who may sign in, asked through two functions of the database: the tables themselves are out of reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.adapters.postgres.connection import Statement
from billing.domain.principals import Principal, Role

if TYPE_CHECKING:
    from billing.adapters.postgres.connection import Database

_BY_API_KEY = """
SELECT user_id, role, customer, locale, timezone FROM authenticate_api_key(%(digest)s)"""

_BY_SUBJECT = """
SELECT user_id, role, customer, locale, timezone
FROM authenticate_subject(%(issuer)s::text, %(subject)s::text)"""


class PostgresIdentities:
    """The port `Identities`, for the role billing_api."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def by_api_key(self, digest: bytes) -> Principal | None:
        """Return the owner of the unrevoked API key with this SHA-256 digest, None if there is none.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        return self._one(Statement(_BY_API_KEY, {"digest": digest}))

    def by_subject(self, issuer: str, subject: str) -> Principal | None:
        """Return the enabled user that signs in as this subject of this issuer, None if there is none.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        return self._one(Statement(_BY_SUBJECT, {"issuer": issuer, "subject": subject}))

    def _one(self, statement: Statement) -> Principal | None:
        rows = self._database.query(statement)
        if not rows:
            return None
        row = rows[0]
        return Principal(
            user=str(row["user_id"]),
            role=Role(row["role"]),
            customer=row["customer"],
            locale=row["locale"],
            timezone=row["timezone"],
        )
