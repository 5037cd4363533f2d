"""Moves the events of one customer from PostgreSQL to ClickHouse, or back.

The customer's lock is held throughout, and the row of usage_homes that says where its events are is written
by the transaction that deletes or adds them in PostgreSQL. A move that was cut left nothing but rows in
ClickHouse that nobody reads, and that the next move deletes first.
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any, LiteralString

from billing.adapters.clickhouse.batch import COLUMNS, LATE_IGNORED
from billing.adapters.clickhouse.questions import from_micros, micros
from billing.adapters.postgres.connection import Statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg.rows import DictRow

    from billing.adapters.clickhouse.engine import ClickHouse
    from billing.adapters.postgres.connection import Connection, Database

_NEXT: LiteralString = "SELECT next_usage_customer(%(after)s, %(to)s) AS customer"

# For as long as a large customer takes; the lock is waited for as long as the role says.
_PATIENCE: LiteralString = """
SELECT set_config('statement_timeout', '0', true),
    set_config('idle_in_transaction_session_timeout', '10min', true)"""

_STORED: LiteralString = """
SELECT e.meter, e.counted_at, e.quantity, e.value, e.distinct_value, e.groups, e.time, e.recorded_at,
    e.source, e.id, k.digest, CASE WHEN e.quantity = -1 THEN v.id ELSE '' END AS voids
FROM usage_events AS e
JOIN usage_event_keys AS k ON k.customer = e.customer AND k.source = e.source AND k.id = e.id
LEFT JOIN usage_voids AS v ON v.customer = e.customer AND v.source = e.source AND v.voided_by = e.id
WHERE e.customer = %(customer)s
UNION ALL
SELECT '', v.recorded_at, 0, NULL, NULL, '[]', v.recorded_at, v.recorded_at, v.source, v.voided_by,
    k.digest, v.id
FROM usage_voids AS v
JOIN usage_event_keys AS k ON k.customer = v.customer AND k.source = v.source AND k.id = v.voided_by
WHERE v.customer = %(customer)s
UNION ALL
SELECT '', v.recorded_at, -1, NULL, NULL, '[]', v.recorded_at, v.recorded_at, v.source, v.id,
    decode(repeat('00', 16), 'hex'), ''
FROM usage_voids AS v
WHERE v.customer = %(customer)s
UNION ALL
SELECT '', k.counted_at, 0, NULL, NULL, '[]', k.counted_at, k.counted_at, k.source, k.id, k.digest, ''
FROM usage_event_keys AS k
WHERE k.customer = %(customer)s
    AND NOT EXISTS (
        SELECT FROM usage_events AS e
        WHERE e.customer = k.customer AND e.counted_at = ANY (array_append(k.moved_to, k.counted_at))
            AND e.source = k.source AND e.id = k.id
    )
    AND NOT EXISTS (
        SELECT FROM usage_voids AS v
        WHERE v.customer = k.customer AND v.source = k.source AND v.voided_by = k.id
    )"""

_PAGE = 20_000

# All rows of an id are in one page.
_KEPT: LiteralString = """
SELECT source, id, hex(digest), meter, toUnixTimestamp64Micro(counted_at), quantity, voids, toString(value),
    distinct_value, groups, toUnixTimestamp64Micro(time), toUnixTimestamp64Micro(recorded_at)
FROM usage_events
WHERE customer = {customer:String} AND (source, id) > ({source:String}, {id:String})
ORDER BY source, id
LIMIT {most:UInt32} WITH TIES"""


class UsageMover:
    """The port `UsageMoves`, for the role billing_worker."""

    def __init__(self, database: Database, clickhouse: ClickHouse) -> None:
        self._database = database
        self._clickhouse = clickhouse

    def next(self, after: str, to: str) -> str | None:
        """Return the first customer after another whose events are not in the store `to`, None for none.

        Raises
        ------
        UnavailableError
            PostgreSQL does not answer.
        """
        (row,) = self._database.query(Statement(_NEXT, {"after": after, "to": to}))
        return None if row["customer"] is None else str(row["customer"])

    def move(self, customer: str, to: str) -> int:
        """Move the customer, and return how many rows were moved; 0 if it is there already.

        Raises
        ------
        UnavailableError
            One of the two does not answer; the customer is where it was.
        """
        with self._database.session() as connection, connection.transaction():
            connection.execute(_PATIENCE)
            # No events are forgotten while some are under way.
            connection.execute("SELECT pg_advisory_xact_lock_shared(7117)")
            connection.execute("SELECT lock_usage(%s)", [customer])
            home = connection.execute("SELECT usage_home(%s) AS store", [customer]).fetchall()[0]["store"]
            if home == to:
                return 0
            moved = (self._leave if to == "clickhouse" else self._return)(connection, customer)
        if to == "postgres":
            # Nobody reads it any more, however long it takes.
            self._clickhouse.forget(customer, wait=False)
        return moved

    def _leave(self, connection: Connection, customer: str) -> int:
        self._clickhouse.forget(customer, wait=True)
        moved = 0
        with connection.cursor(name="usage_events") as cursor:
            cursor.execute(_STORED, {"customer": customer})
            while rows := cursor.fetchmany(_PAGE):
                self._clickhouse.insert(COLUMNS, [_columns(customer, row) for row in rows], uuid.uuid4().hex)
                moved += len(rows)
        connection.execute("SELECT leave_usage(%s)", [customer])
        return moved

    def _return(self, connection: Connection, customer: str) -> int:
        moved = 0
        source, last = "", ""
        while True:
            parameters = {"customer": customer, "source": source, "id": last, "most": _PAGE}
            rows = self._clickhouse.rows(_KEPT, parameters)
            if not rows:
                break
            source, last = rows[-1][:2]
            connection.execute(
                "SELECT receive_usage(%s, %s::jsonb, %s::jsonb, %s::jsonb)", [customer, *_records(rows)]
            )
            moved += len(rows)
        connection.execute("SELECT settle_down_usage(%s)", [customer])
        return moved


def _columns(customer: str, row: DictRow) -> Sequence[object]:
    ignored = bool(row["meter"]) and row["quantity"] == 0
    return (
        customer,
        row["meter"],
        micros(row["counted_at"]),
        row["quantity"],
        row["value"],
        row["distinct_value"],
        json.loads(row["groups"]),
        micros(row["time"]),
        micros(row["recorded_at"]),
        row["source"],
        row["id"],
        row["digest"],
        row["voids"],
        LATE_IGNORED if ignored else "",
    )


def _records(rows: Sequence[Sequence[Any]]) -> tuple[str, str, str]:
    """Return the keys, the events and the voids of the rows, as JSON."""
    keys: dict[tuple[str, str], dict[str, Any]] = {}
    events, voids = [], []
    for source, event_id, digest, meter, counted, quantity, voided, value, distinct, groups, time, at in rows:
        named = {"source": source, "id": event_id}
        counted_at, own_time, recorded_at = (from_micros(each).isoformat() for each in (counted, time, at))
        if not meter and quantity < 0:
            continue
        if not meter and voided:
            voids.append({"source": source, "id": voided, "voided_by": event_id, "recorded_at": recorded_at})
        key = keys.setdefault(
            (source, event_id), {**named, "digest": digest, "counted_at": own_time, "moved_to": None}
        )
        if not voided and meter:
            key["counted_at"] = own_time
            if counted != time:
                key["moved_to"] = sorted({*(key["moved_to"] or ()), counted_at})
        # What takes an event back and counts nowhere is told by its finding only.
        if meter and (quantity != 0 or not voided):
            events.append(
                {
                    **named,
                    "meter": meter,
                    "counted_at": counted_at,
                    "quantity": quantity,
                    "value": value,
                    "distinct_value": distinct,
                    "groups": json.dumps(list(groups), ensure_ascii=False, separators=(",", ":")),
                    "time": own_time,
                    "recorded_at": recorded_at,
                }
            )
    return json.dumps(list(keys.values())), json.dumps(events), json.dumps(voids)
