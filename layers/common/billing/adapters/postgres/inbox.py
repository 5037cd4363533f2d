"""What the inbox tells of events."""

from __future__ import annotations

from typing import TYPE_CHECKING, LiteralString

from billing.adapters.postgres.connection import Statement
from billing.adapters.postgres.instants import utc, utc_or_none
from billing.domain.mirror import Outcome
from billing.domain.recovery import InboxRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg.rows import DictRow

    from billing.adapters.postgres.connection import Database

_COLUMNS: LiteralString = "id, type, outcome, reason, attempts, received_at, ended_at, object_id, api_version"

_FIND: LiteralString = f"SELECT {_COLUMNS}, payload FROM stripe_webhook_events WHERE id = %(id)s"  # noqa: S608 - literals

_NEWEST: LiteralString = f"""
SELECT {_COLUMNS}, NULL AS payload FROM stripe_webhook_events
WHERE outcome = %(outcome)s ORDER BY received_at DESC, id LIMIT %(limit)s"""  # noqa: S608 - literals


class PostgresInbox:
    """The port `Inbox`, for the role billing_worker."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, event_id: str) -> InboxRow | None:
        """Return what is known of the event, with its payload if that was kept; None if nothing is."""
        rows = self._database.query(Statement(_FIND, {"id": event_id}))
        return _row(rows[0]) if rows else None

    def newest(self, outcome: Outcome, limit: int) -> Sequence[InboxRow]:
        """Return the last events that ended so, newest first, without payloads."""
        parameters = {"outcome": outcome.value, "limit": limit}
        return [_row(row) for row in self._database.query(Statement(_NEWEST, parameters))]


def _row(row: DictRow) -> InboxRow:
    return InboxRow(
        id=row["id"],
        type=row["type"],
        outcome=Outcome(row["outcome"]),
        reason=row["reason"],
        attempts=row["attempts"],
        received_at=utc(row["received_at"]),
        ended_at=utc_or_none(row["ended_at"]),
        object_id=row["object_id"],
        api_version=row["api_version"],
        payload=row["payload"],
    )
