"""What the inbox tells of events."""

from __future__ import annotations

from typing import TYPE_CHECKING, LiteralString

from billing.adapters.postgres.connection import Statement
from billing.adapters.postgres.instants import utc, utc_or_none
from billing.domain.mirror import Outcome, StripeEvent
from billing.domain.recovery import InboxRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg.rows import DictRow

    from billing.adapters.postgres.connection import Database
    from billing.domain.mirror import MalformedEvent

_COLUMNS: LiteralString = """
    id, type, outcome, reason, attempts, received_at, ended_at, object_id, api_version, created,
    encode(digest, 'hex') AS digest,
    (SELECT count(*) FROM stripe_conflicting_events AS other WHERE other.id = e.id) AS conflicts
"""

_FIND: LiteralString = f"SELECT {_COLUMNS}, payload FROM stripe_webhook_events AS e WHERE id = %(id)s"  # noqa: S608 - literals

_NEWEST: LiteralString = f"""
SELECT {_COLUMNS}, NULL AS payload FROM stripe_webhook_events AS e
WHERE outcome = %(outcome)s ORDER BY received_at DESC, id LIMIT %(limit)s"""  # noqa: S608 - literals

_CONFLICT: LiteralString = """
INSERT INTO stripe_conflicting_events (id, digest, type, api_version, created, object_id, reason, received_at)
VALUES (
    %(id)s, decode(%(digest)s, 'hex'), %(type)s, %(api_version)s, %(created)s, %(object_id)s, %(reason)s,
    coalesce(%(received_at)s, now())
) ON CONFLICT (id, digest) DO NOTHING"""


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

    def keep_conflict(self, event: StripeEvent | MalformedEvent, reason: str) -> None:
        """Keep that another event came under this id, once for each content."""
        told = event if isinstance(event, StripeEvent) else None
        parameters = {
            "id": event.id,
            "digest": "" if event.receipt is None else event.receipt.digest or "",
            "type": event.type,
            "api_version": told and told.api_version,
            "created": told and told.created,
            "object_id": told and told.object_id,
            "reason": reason,
            "received_at": event.receipt and event.receipt.received_at,
        }
        self._database.query(Statement(_CONFLICT, parameters))


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
        created=utc_or_none(row["created"]),
        digest=row["digest"],
        conflicts=row["conflicts"],
    )
