"""The one statement that applies an event: inbox, guarded head row and what hangs on it, with a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, LiteralString

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Sent before each statement below, in the same transaction. The statement then begins with a snapshot that
# no other writer of the object can outdate. Without it a writer that waits for the head row would go on with
# the snapshot from before the wait, and leave behind the lines that it could not see. One lock per
# transaction, on the object's id: no deadlock.
LOCK: LiteralString = "SELECT pg_advisory_xact_lock(hashtextextended(%(object)s, 0))"

_KNOWN: LiteralString = """
known AS MATERIALIZED (SELECT FROM stripe_webhook_events WHERE id = %(event_id)s)"""

_INBOX: LiteralString = """
inbox AS (
    INSERT INTO stripe_webhook_events (id, type, api_version, livemode, created, object_id, outcome)
    SELECT %(event_id)s, %(event_type)s, %(event_api_version)s, %(event_livemode)s, %(event_created)s,
        %(event_object_id)s, verdict.word
    FROM verdict
    WHERE verdict.word IN ('applied', 'stale')
)
SELECT word FROM verdict"""

RECORD: LiteralString = """
INSERT INTO stripe_webhook_events (id, type, api_version, livemode, created, object_id, outcome, reason)
VALUES (
    %(event_id)s, %(event_type)s, %(event_api_version)s, %(event_livemode)s, %(event_created)s,
    %(event_object_id)s, %(outcome)s, %(reason)s
)
ON CONFLICT (id) DO NOTHING
RETURNING 'applied' AS word"""


# The head tables without a status, and what stands in them for the customer.
_CUSTOMER: dict[LiteralString, LiteralString] = {"customers": "id", "tax_rates": "NULL"}


@dataclass(frozen=True, slots=True)
class Write:
    """How a state is written: the head row's columns, and the CTEs that replace what hangs on it.

    The CTEs may refer to `head`, which has one row (id, customer) if the head row was written.
    """

    table: LiteralString
    columns: Sequence[LiteralString]
    parameters: Mapping[str, object]
    parts: Sequence[LiteralString] = ()


def write_statement(write: Write) -> LiteralString:
    """Return the statement that writes a state and its inbox row, or says why not.

    Its one row holds the verdict's word. Beside the columns it takes the event's parameters and `revision`:
    NULL to write what is later than what stands (a deletion always is), else to write only over that
    revision (0: over nothing).
    """
    columns = ("id", "livemode", "as_of", *write.columns)
    names: LiteralString = ", ".join(columns)
    values: LiteralString = ", ".join([f"%({name})s" for name in columns])
    changes: LiteralString = ", ".join([f"{name} = excluded.{name}" for name in ("livemode", *write.columns)])
    customer: LiteralString = _CUSTOMER.get(write.table, "customer")
    parts: LiteralString = "".join([f"\n{part.strip()}," for part in write.parts])
    return f"""
WITH {_KNOWN},
standing AS MATERIALIZED (SELECT as_of, deleted_at FROM {write.table} WHERE id = %(id)s),
head AS (
    INSERT INTO {write.table} AS held ({names})
    SELECT {values}
    WHERE NOT EXISTS (SELECT FROM known)
    ON CONFLICT (id) DO UPDATE SET
        {changes}, as_of = greatest(held.as_of, excluded.as_of), revision = held.revision + 1
    WHERE CASE WHEN %(revision)s::bigint IS NULL
        THEN (held.as_of < excluded.as_of OR excluded.deleted_at IS NOT NULL) AND held.deleted_at IS NULL
        ELSE held.revision = %(revision)s::bigint
    END
    RETURNING id, {customer} AS customer
),{parts}
verdict AS MATERIALIZED (
    SELECT CASE
        WHEN EXISTS (SELECT FROM known) THEN 'duplicate'
        WHEN EXISTS (SELECT FROM head) THEN 'applied'
        WHEN %(revision)s::bigint IS NOT NULL THEN 'moved'
        WHEN (SELECT deleted_at IS NOT NULL OR as_of > %(as_of)s FROM standing) THEN 'stale'
        ELSE 'tie'
    END AS word
),{_INBOX}"""  # noqa: S608 - joined from literals of this package, values are parameters


def keep_statement(table: LiteralString) -> LiteralString:
    """Return the statement that records an event as stale if the object still stands at `revision`."""
    return f"""
WITH {_KNOWN},
verdict AS MATERIALIZED (
    SELECT CASE
        WHEN EXISTS (SELECT FROM known) THEN 'duplicate'
        WHEN coalesce((SELECT revision FROM {table} WHERE id = %(id)s), 0) = %(revision)s::bigint THEN 'stale'
        ELSE 'moved'
    END AS word
),{_INBOX}"""  # noqa: S608 - joined from literals of this package, values are parameters


def standing_statement(table: LiteralString) -> LiteralString:
    """Return the statement that reads what the mirror holds of an object."""
    status: LiteralString = "NULL" if table in _CUSTOMER else "status"
    return f"""
SELECT revision, as_of, {status} AS status, deleted_at IS NOT NULL AS deleted
FROM {table}
WHERE id = %(id)s"""  # noqa: S608 - joined from literals of this package, values are parameters
