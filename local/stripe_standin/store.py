"""Where the stand-in keeps Stripe's objects: one SQLite file, safe under kill -9."""

from __future__ import annotations

import json
import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

type Json = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    parent TEXT,
    created INTEGER NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (kind, id)
);
CREATE INDEX IF NOT EXISTS objects_by_created ON objects (kind, created, seq);
CREATE INDEX IF NOT EXISTS objects_by_parent ON objects (kind, parent, seq);
CREATE INDEX IF NOT EXISTS objects_by_id ON objects (id);
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    created INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL,
    failed INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS deliveries_by_due ON deliveries (failed, due, id);
CREATE INDEX IF NOT EXISTS deliveries_by_event ON deliveries (event);
"""

_NAMED_STILL = frozenset(("coupon", "discount"))
"""What invoices go on naming when it is gone."""

_OPERATORS = {"eq": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition on a stored object: `path` is SQLite's JSON path, `operator` eq, gt, gte, lt or lte.

    Of several values the object's must be one.
    """

    path: str
    value: str | int | tuple[str, ...] | None
    operator: str = "eq"


class UnknownCursorError(LookupError):
    """A cursor names an object that is not in the list."""


class Store:
    """Objects by kind and id; children (lines, items) by their parent. Not for use by two threads at once."""

    def __init__(self, path: Path | None, *, one_thread: bool = True) -> None:
        """Open the file, made if missing; None keeps everything in memory.

        Without `one_thread` the caller sees to it that threads come one after the other.

        Raises
        ------
        sqlite3.OperationalError
            The file cannot be opened, or another stand-in has it.
        """
        self._db = sqlite3.connect(
            path or ":memory:", isolation_level=None, timeout=2, check_same_thread=one_thread
        )
        # One process owns the file: two would deliver every event twice.
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)

    @property
    def db(self) -> sqlite3.Connection:
        """The connection, for the modules that keep their own tables here (deliveries, answers)."""
        return self._db

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep all of the block's changes, or none of them."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def get(self, kind: str, object_id: str) -> Json | None:
        """Return the object, None if there is none."""
        row = self._db.execute(
            "SELECT body FROM objects WHERE kind = ? AND id = ?", (kind, object_id)
        ).fetchone()
        return None if row is None else _object(row[0])

    def find(self, object_id: str) -> Json | None:
        """Return the object of any kind with this id, None if there is none.

        Of a coupon and a discount that are gone that is the last state, the discount's marked as deleted.
        """
        row = self._db.execute(
            "SELECT body, kind FROM objects WHERE id = ? ORDER BY kind LIKE 'gone %'", (object_id,)
        ).fetchone()
        if row is None:
            return None
        found = _object(row[0])
        if row[1] != "gone discount":
            return found
        return {name: value for name, value in found.items() if name != "end"} | {"deleted": True}

    def put(self, kind: str, obj: Json, *, parent: str | None = None) -> None:
        """Write the object; a new one goes to the end of its list, a known one keeps its place."""
        self._db.execute(
            "INSERT INTO objects (kind, id, parent, created, body) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body, created = excluded.created,"
            " parent = coalesce(excluded.parent, parent)",
            (kind, obj["id"], parent, obj.get("created", 0), json.dumps(obj, ensure_ascii=False)),
        )

    def delete(self, kind: str, object_id: str) -> None:
        """Remove the object, if it is there."""
        if kind in _NAMED_STILL:
            self._db.execute(
                "UPDATE OR REPLACE objects SET kind = 'gone ' || kind WHERE kind = ? AND id = ?",
                (kind, object_id),
            )
            return
        self._db.execute("DELETE FROM objects WHERE kind = ? AND id = ?", (kind, object_id))

    def delete_children(self, kind: str, parent: str) -> None:
        """Remove every child of that kind."""
        self._db.execute("DELETE FROM objects WHERE kind = ? AND parent = ?", (kind, parent))

    def children(self, kind: str, parent: str, limit: int | None = None) -> list[Json]:
        """Return the children in the order in which they came, the first `limit` of them if given."""
        rows = self._db.execute(
            "SELECT body FROM objects WHERE kind = ? AND parent = ? ORDER BY seq LIMIT ?",
            (kind, parent, -1 if limit is None else limit),
        )
        return _objects(rows.fetchall())

    def all(self, kind: str, filters: Sequence[Filter] = ()) -> list[Json]:
        """Return every object of the kind that meets all filters, oldest first."""
        where, values = _conditions(filters)
        rows = self._db.execute(
            f"SELECT body FROM objects WHERE kind = ?{where} ORDER BY created, seq",  # noqa: S608 - no values inside
            (kind, *values),
        )
        return _objects(rows.fetchall())

    def counts(self) -> dict[str, int]:
        """Return how many objects of each kind there are."""
        rows = self._db.execute("SELECT kind, count(*) FROM objects GROUP BY kind ORDER BY kind")
        return {str(kind): int(count) for kind, count in rows}

    def page(
        self,
        kind: str,
        *,
        limit: int,
        filters: Sequence[Filter] = (),
        parent: str | None = None,
        after: str | None = None,
        before: str | None = None,
    ) -> tuple[list[Json], bool]:
        """Return one page and whether more follow in its direction.

        Newest first; children of a `parent` in their own order. `before` gives the page that ends
        just before that object.

        Raises
        ------
        UnknownCursorError
            `after` or `before` is not an object of this kind (and parent).
        """
        order = ("seq",) if parent is not None else ("created", "seq")
        descending = parent is None
        where, values = _conditions(filters)
        if parent is not None:
            where += " AND parent = ?"
            values.append(parent)
        cursor = before or after
        if cursor is not None:
            forwards = before is None
            place = self._db.execute(
                f"SELECT {', '.join(order)} FROM objects WHERE kind = ? AND id = ?"  # noqa: S608 - fixed names
                + (" AND parent = ?" if parent is not None else ""),
                (kind, cursor, *([parent] if parent is not None else [])),
            ).fetchone()
            if place is None:
                raise UnknownCursorError(cursor)
            sign = "<" if descending == forwards else ">"
            where += f" AND ({', '.join(order)}) {sign} ({', '.join('?' for _ in order)})"
            values.extend(place)
        backwards = before is not None
        direction = "DESC" if descending != backwards else "ASC"
        ordering = ", ".join(f"{column} {direction}" for column in order)
        rows = self._db.execute(
            f"SELECT body FROM objects WHERE kind = ?{where} ORDER BY {ordering} LIMIT ?",  # noqa: S608 - fixed
            (kind, *values, limit + 1),
        ).fetchall()
        found = _objects(rows[:limit])
        if backwards:
            found.reverse()
        return found, len(rows) > limit


def _conditions(filters: Sequence[Filter]) -> tuple[str, list[str | int]]:
    where = ""
    values: list[str | int] = []
    for condition in filters:
        if condition.value is None:
            where += " AND json_extract(body, ?) IS NULL"
            values.append(condition.path)
        elif isinstance(condition.value, tuple):
            where += f" AND json_extract(body, ?) IN ({', '.join('?' for _ in condition.value)})"
            values += [condition.path, *condition.value]
        else:
            where += f" AND json_extract(body, ?) {_OPERATORS[condition.operator]} ?"
            values += [condition.path, condition.value]
    return where, values


def _object(text: str) -> Json:
    loaded: Json = json.loads(text)
    return loaded


def _objects(rows: Sequence[tuple[str]]) -> list[Json]:
    # In one text, whose names are then made once for all of them.
    loaded: list[Json] = json.loads(f"[{','.join(body for (body,) in rows)}]")
    return loaded
