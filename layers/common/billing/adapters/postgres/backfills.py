"""How far backfills came, in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, LiteralString

from billing.adapters.postgres.connection import Statement
from billing.adapters.postgres.instants import utc_or_none
from billing.adapters.postgres.mirror_sql import TABLES
from billing.domain.mirror import ObjectKind
from billing.domain.recovery import KindBackfill

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from psycopg.rows import DictRow

    from billing.adapters.postgres.connection import Database

_COLUMNS: LiteralString = (
    "run, kind, began, after, oldest, pages, objects, written, fetched, unreadable, listed, checked_after,"
    " checked, deleted, stopped, finished, steps"
)

_OPEN: LiteralString = f"""
WITH last AS (SELECT max(run) AS run FROM stripe_backfills)
SELECT {_COLUMNS} FROM stripe_backfills
WHERE run = (SELECT run FROM last)
    AND EXISTS (
        SELECT FROM stripe_backfills AS part WHERE part.run = (SELECT run FROM last) AND NOT part.finished
    )
ORDER BY place"""  # noqa: S608 - joined from literals

_BEGIN: LiteralString = f"""
INSERT INTO stripe_backfills (run, kind, place)
SELECT coalesce((SELECT max(run) FROM stripe_backfills), 0) + 1, told.kind, told.place
FROM unnest(%(kinds)s::text[]) WITH ORDINALITY AS told (kind, place)
RETURNING {_COLUMNS}"""  # noqa: S608 - joined from literals

_SAVE: LiteralString = """
UPDATE stripe_backfills SET began = %(began)s, after = %(after)s, oldest = %(oldest)s, pages = %(pages)s,
    objects = %(objects)s, written = %(written)s, fetched = %(fetched)s, unreadable = %(unreadable)s,
    listed = %(listed)s, checked_after = %(checked_after)s, checked = %(checked)s, deleted = %(deleted)s,
    stopped = %(stopped)s, finished = %(finished)s, steps = %(steps)s, updated_at = now()
WHERE run = %(run)s AND kind = %(kind)s AND steps = %(standing)s AND NOT finished
RETURNING run"""


_UNSHOWN: Mapping[ObjectKind, LiteralString] = {
    ObjectKind.DISCOUNT: " AND num_nonnulls(invoice, invoice_item, checkout_session) = 0"
}
"""Of which objects alone it can be said that nothing shows them; an invoice tells of its own discounts."""


class PostgresBackfillLog:
    """The port `BackfillLog`, for the role billing_worker."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self) -> Sequence[KindBackfill]:
        """Return the kinds of the last run in their order if it has not finished, else nothing."""
        return [_kind(row) for row in self._database.query(Statement(_OPEN))]

    def begin(self, kinds: Sequence[ObjectKind]) -> Sequence[KindBackfill]:
        """Return a new run.

        Raises
        ------
        psycopg.errors.UniqueViolation
            Somebody else has begun one at this moment.
        """
        rows = self._database.query(Statement(_BEGIN, {"kinds": [kind.value for kind in kinds]}))
        begun = {row["kind"]: _kind(row) for row in rows}
        return [begun[kind] for kind in kinds]

    def save(self, before: KindBackfill, after: KindBackfill) -> bool:
        """Keep how far it came; return False, and keep nothing, if it stands elsewhere than `before` says."""
        parameters = {
            "run": before.run,
            "kind": before.kind.value,
            "standing": before.steps,
            "began": after.began,
            "after": after.after,
            "oldest": after.oldest,
            "pages": after.pages,
            "objects": after.objects,
            "written": after.written,
            "fetched": after.fetched,
            "unreadable": after.unreadable,
            "listed": after.listed,
            "checked_after": after.checked_after,
            "checked": after.checked,
            "deleted": after.deleted,
            "stopped": after.stopped,
            "finished": after.finished,
            "steps": after.steps,
        }
        return bool(self._database.query(Statement(_SAVE, parameters)))

    def unseen(self, kind: ObjectKind, since: datetime, after: str | None, limit: int) -> Sequence[str]:
        """Return ids, in order from `after` on, of what is mirrored and was not seen since that instant.

        Deleted objects are left out, and discounts that were put on an invoice or a Checkout session.
        """
        text: LiteralString = f"""
SELECT id FROM {TABLES[kind]}
WHERE deleted_at IS NULL AND as_of < %(since)s AND id > %(after)s{_UNSHOWN.get(kind, "")}
ORDER BY id LIMIT %(limit)s"""  # noqa: S608 - joined from literals
        parameters = {"since": since, "after": after or "", "limit": limit}
        return [row["id"] for row in self._database.query(Statement(text, parameters))]

    def count_unseen(self, kind: ObjectKind, since: datetime) -> tuple[int, int]:
        """Return how many were not seen since that instant, and how many are mirrored.

        Neither counts what `unseen` leaves out.
        """
        text: LiteralString = f"""
SELECT count(*) FILTER (WHERE as_of < %(since)s) AS unseen, count(*) AS held
FROM {TABLES[kind]} WHERE deleted_at IS NULL{_UNSHOWN.get(kind, "")}"""  # noqa: S608 - joined from literals
        row = self._database.query(Statement(text, {"since": since}))[0]
        return row["unseen"], row["held"]


def _kind(row: DictRow) -> KindBackfill:
    return KindBackfill(
        run=row["run"],
        kind=ObjectKind(row["kind"]),
        began=utc_or_none(row["began"]),
        after=row["after"],
        oldest=utc_or_none(row["oldest"]),
        pages=row["pages"],
        objects=row["objects"],
        written=row["written"],
        fetched=row["fetched"],
        unreadable=row["unreadable"],
        listed=row["listed"],
        checked_after=row["checked_after"],
        checked=row["checked"],
        deleted=row["deleted"],
        stopped=row["stopped"],
        finished=row["finished"],
        steps=row["steps"],
    )
