"""What the schedule does with usage whose events are in ClickHouse (migrations/0021_usage_levels.sql)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, LiteralString

from billing.adapters.clickhouse.archive import UsageArchive
from billing.adapters.clickhouse.usage import ClickHouseUsageStore
from billing.adapters.postgres.connection import Statement
from billing.adapters.postgres.instants import period, utc, utc_or_none
from billing.domain.usage import Aggregation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from psycopg.rows import DictRow

    from billing.adapters.clickhouse.engine import ClickHouse
    from billing.adapters.postgres.connection import Database

_BILLED: LiteralString = """
SELECT b.customer, b.meter, b.period_start, b.period_end FROM billed_usage(NULL, %(at)s) AS b
WHERE usage_home(b.customer) = 'clickhouse'
ORDER BY b.customer, b.meter, b.period_start"""

_DUE: LiteralString = """
SELECT customer, meter, aggregation, stripe_event_name
FROM usage_levels_elsewhere(%(now)s, %(most)s, %(customer)s, %(meter)s)"""

_HOLD: LiteralString = "SELECT start, ends, told FROM hold_usage_levels(%(customer)s, %(meter)s, %(now)s)"

_HOME: LiteralString = "SELECT forgotten_until FROM usage_homes WHERE customer = %(customer)s"

_KEEP: LiteralString = """
SELECT keep_usage_levels(
    %(customer)s, %(meter)s, %(stripe_event_name)s, %(now)s, %(starts)s::timestamptz[], %(values)s::numeric[]
)"""

_BEFORE: LiteralString = "SELECT usage_forgotten_before(%(now)s, %(months)s) AS until"

_REMEMBERED: LiteralString = """
SELECT customer FROM usage_homes
WHERE store = 'clickhouse' AND (forgotten_until IS NULL OR forgotten_until < %(until)s)
ORDER BY customer"""

_HOLD_HOME: LiteralString = """
SELECT h.forgotten_until FROM (
    SELECT pg_try_advisory_xact_lock(hashtextextended(%(customer)s, 7115)) AS held
) AS lock
JOIN usage_homes AS h ON lock.held AND h.customer = %(customer)s AND h.store = 'clickhouse'"""

_CUTS: LiteralString = "SELECT at FROM usage_boundaries WHERE customer = %(customer)s ORDER BY at"

_FORGET: LiteralString = """
UPDATE usage_homes SET forgotten_until = %(until)s, forgotten_at = coalesce(%(at)s, forgotten_at)
WHERE customer = %(customer)s"""

# Moves share this lock while they run.
_GONE: LiteralString = """
SELECT pg_try_advisory_xact_lock(7117) AS held, (
    SELECT CASE
        WHEN bool_and(
            h.forgotten_until IS NOT NULL
            AND (h.forgotten_at IS NULL OR h.forgotten_at < %(now)s - interval '30 minutes')
        ) THEN min(h.forgotten_until)
    END
    FROM usage_homes AS h WHERE h.store = 'clickhouse'
) AS until"""

_OVER_A_MONTH = timedelta(days=32)

_MOST = 200


class ClickHouseUsageElsewhere:
    """The port `UsageElsewhere`, for the role billing_worker."""

    def __init__(self, database: Database, clickhouse: ClickHouse) -> None:
        self._database = database
        self._store = ClickHouseUsageStore(database, clickhouse)
        self._archive = UsageArchive(clickhouse)

    def close(self, now: datetime, more_time: Callable[[], bool]) -> int:
        """Close the periods that were billed, one by one, and return how many.

        Raises
        ------
        UnavailableError
            One of the two does not answer; what was closed stays so.
        """
        closed = 0
        for row in self._database.query(Statement(_BILLED, {"at": now})):
            if not more_time():
                break
            span = period(row["period_start"], row["period_end"])
            self._store.freeze(row["customer"], row["meter"], span, now)
            closed += 1
        return closed

    def claim(self, now: datetime, more_time: Callable[[], bool]) -> int:
        """Write reports of the levels that changed, as the port says; three round trips for each.

        Raises
        ------
        UnavailableError
            One of the two does not answer; what was written stays so.
        """
        written = 0
        after: dict[str, object] = {"customer": "", "meter": ""}
        while due := self._database.query(Statement(_DUE, {"now": now, "most": _MOST, **after})):
            for row in due:
                if not more_time():
                    return written
                written += self._told(row, now)
            after = {"customer": due[-1]["customer"], "meter": due[-1]["meter"]}
        return written

    def forget(self, now: datetime, months: int, more_time: Callable[[], bool]) -> int:
        """Add up the days of old months, and delete their events with a later run, as the port says.

        Raises
        ------
        UnavailableError
            One of the two does not answer; what was added up stays so.
        """
        (row,) = self._database.query(Statement(_BEFORE, {"now": now, "months": months}))
        until = utc_or_none(row["until"])
        if until is None:
            return 0
        kept = 0
        for home in self._database.query(Statement(_REMEMBERED, {"until": until})):
            some = True
            while some:
                if not more_time():
                    return kept
                some = self._archived(home["customer"], until, now)
                kept += some
        # While nobody moves, so that all that is there before the instant is added up.
        done = {"now": now}

        def act(rows: list[list[DictRow]]) -> tuple[None, Sequence[Statement]]:
            gone = utc_or_none(rows[0][0]["until"])
            if rows[0][0]["held"] and gone is not None:
                self._archive.forget(gone)
            return None, ()

        self._database.act((Statement(_GONE, done),), act)
        return kept

    def _archived(self, customer: str, until: datetime, now: datetime) -> bool:
        """Add up the customer's first month that is not yet; return whether there was one."""
        hold = Statement(_HOLD_HOME, {"customer": customer})
        cuts = Statement(_CUTS, {"customer": customer})

        def act(rows: list[list[DictRow]]) -> tuple[bool, Sequence[Statement]]:
            if not rows[0]:
                # Who is being written to, or moved, is looked at with the next run.
                return False, ()
            since = utc_or_none(rows[0][0]["forgotten_until"])
            first = self._archive.first(customer, since, until)
            told = {"customer": customer, "until": until, "at": None}
            if first is None:
                return False, [Statement(_FORGET, told)]
            # So much as ClickHouse can do while the customer waits.
            month = first.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
            after = min(until, (month + _OVER_A_MONTH).replace(day=1))
            self._archive.keep(customer, first, after, [utc(row["at"]) for row in rows[1]])
            return True, [Statement(_FORGET, {**told, "until": after, "at": now})]

        return self._database.act((hold, cuts), act)

    def _told(self, due: DictRow, now: datetime) -> int:
        customer, meter = due["customer"], due["meter"]
        aggregations = {meter: Aggregation(due["aggregation"])}
        hold = Statement(_HOLD, {"customer": customer, "meter": meter, "now": now})

        def act(found: list[list[DictRow]]) -> tuple[int, Sequence[Statement]]:
            spans = {row["start"]: period(row["start"], row["ends"]) for row in found[0]}
            forgotten = utc_or_none(found[1][0]["forgotten_until"]) if found[1] else None
            values = {
                start: self._archive.used(customer, {meter: span}, aggregations, forgotten)[meter]
                for start, span in spans.items()
            }
            keep = {**due, "now": now, "starts": list(values), "values": list(values.values())}
            new = sum(values[row["start"]] // 1 != row["told"] for row in found[0])
            return new, [Statement(_KEEP, keep)] if values else []

        home = Statement(_HOME, {"customer": customer})
        return self._database.act((hold, home), act)
