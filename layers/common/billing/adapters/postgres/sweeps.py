"""The sweeps over Stripe's events, in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, LiteralString

from billing.adapters.postgres.connection import Statement
from billing.adapters.postgres.instants import utc
from billing.domain.recovery import EVENTS_KEPT, OvertakenError, Sweep

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime, timedelta

    from psycopg.rows import DictRow

    from billing.adapters.postgres.connection import Database

_LAST: LiteralString = "SELECT max(until) AS until FROM stripe_sweeps WHERE finished_at IS NOT NULL"

_COLUMNS: LiteralString = (
    "number, since, until, gap, types, part, after, pages, listed, missing, queued, finished_at"
)

_OPEN: LiteralString = f"SELECT {_COLUMNS} FROM stripe_sweeps WHERE finished_at IS NULL"  # noqa: S608 - literals

_BEGIN: LiteralString = """
INSERT INTO stripe_sweeps (since, until, gap, types)
VALUES (%(since)s, %(until)s, %(gap)s, %(types)s::text[])
ON CONFLICT ((finished_at IS NULL)) WHERE finished_at IS NULL DO NOTHING"""

_MISSING: LiteralString = """
SELECT listed.id FROM unnest(%(ids)s::text[]) AS listed (id)
WHERE NOT EXISTS (
    SELECT FROM stripe_webhook_events AS known
    WHERE known.id = listed.id
        AND (known.outcome <> 'failed' OR known.received_at > now() - %(patience)s::interval)
) AND NOT EXISTS (
    SELECT FROM stripe_swept_events AS swept
    WHERE swept.id = listed.id AND swept.queued_at > now() - %(patience)s::interval
)"""

# One statement: what was queued is kept exactly if the place is.
_ADVANCE: LiteralString = """
WITH moved AS (
    UPDATE stripe_sweeps SET types = %(types)s::text[], part = %(part)s, after = %(after)s, pages = %(pages)s,
        listed = %(listed)s, missing = %(missing)s, queued = %(queued)s, error = NULL,
        finished_at = CASE WHEN %(finished)s THEN now() END
    WHERE number = %(number)s AND pages = %(standing)s AND finished_at IS NULL
    RETURNING number
), kept AS (
    INSERT INTO stripe_swept_events (id, sweep)
    SELECT found.id, moved.number FROM moved, unnest(%(ids)s::text[]) AS found (id)
    ON CONFLICT (id) DO UPDATE SET sweep = excluded.sweep, queued_at = excluded.queued_at
), forgotten AS (
    DELETE FROM stripe_swept_events WHERE %(finished)s AND queued_at < now() - %(kept_for)s::interval
)
SELECT number FROM moved"""

_FAILED: LiteralString = """
UPDATE stripe_sweeps SET error = %(reason)s WHERE number = %(number)s AND finished_at IS NULL"""


class PostgresSweepLog:
    """The port `SweepLog`, for the role billing_worker."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def last_until(self) -> datetime | None:
        """Return the end of the window of the last finished sweep, None if none has finished."""
        until = self._database.query(Statement(_LAST))[0]["until"]
        return None if until is None else utc(until)

    def open(self) -> Sweep | None:
        """Return the sweep that has begun and not finished, None if there is none."""
        rows = self._database.query(Statement(_OPEN))
        return _sweep(rows[0]) if rows else None

    def begin(self, since: datetime, until: datetime, *, gap: bool, types: Sequence[str]) -> Sweep:
        """Return a new sweep, or the one that somebody else has begun just now."""
        parameters = {"since": since, "until": until, "gap": gap, "types": list(types)}
        # The second statement sees the row that the first has waited for.
        rows = self._database.write(Statement(_BEGIN, parameters), Statement(_OPEN))[1]
        if not rows:
            raise OvertakenError("Another run has finished the sweep that it had begun.")
        return _sweep(rows[0])

    def missing(self, event_ids: Collection[str], patience: timedelta) -> frozenset[str]:
        """Return those of the events that have not ended and that nothing is known to be under way of."""
        rows = self._database.query(Statement(_MISSING, {"ids": list(event_ids), "patience": patience}))
        return frozenset(row["id"] for row in rows)

    def advance(self, before: Sweep, after: Sweep, queued: Collection[str]) -> bool:
        """Keep the new position and which events were queued; False if the sweep stands elsewhere."""
        parameters = {
            "number": before.number,
            "standing": before.pages,
            "types": list(after.types),
            "part": after.part,
            "after": after.after,
            "pages": after.pages,
            "listed": after.listed,
            "missing": after.missing,
            "queued": after.queued,
            "finished": after.finished,
            "ids": list(queued),
            "kept_for": EVENTS_KEPT,
        }
        return bool(self._database.query(Statement(_ADVANCE, parameters)))

    def failed(self, sweep: Sweep, reason: str) -> None:
        """Keep why a run of the sweep ended early; the next step takes it away."""
        self._database.query(Statement(_FAILED, {"number": sweep.number, "reason": reason}))


def _sweep(row: DictRow) -> Sweep:
    return Sweep(
        number=row["number"],
        since=utc(row["since"]),
        until=utc(row["until"]),
        gap=row["gap"],
        types=tuple(row["types"]),
        part=row["part"],
        after=row["after"],
        pages=row["pages"],
        listed=row["listed"],
        missing=row["missing"],
        queued=row["queued"],
        finished=row["finished_at"] is not None,
    )
