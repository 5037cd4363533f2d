"""What the schedule does with usage whose events are in ClickHouse (migrations/0021_usage_levels.sql)."""

from __future__ import annotations

from typing import TYPE_CHECKING, LiteralString

from billing.adapters.clickhouse.questions import UsageQuestions
from billing.adapters.clickhouse.usage import ClickHouseUsageStore
from billing.adapters.postgres.connection import Statement
from billing.adapters.postgres.instants import period
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

_KEEP: LiteralString = """
SELECT keep_usage_levels(
    %(customer)s, %(meter)s, %(stripe_event_name)s, %(now)s, %(starts)s::timestamptz[], %(values)s::numeric[]
)"""

_MOST = 200


class ClickHouseUsageElsewhere:
    """The port `UsageElsewhere`, for the role billing_worker."""

    def __init__(self, database: Database, clickhouse: ClickHouse) -> None:
        self._database = database
        self._store = ClickHouseUsageStore(database, clickhouse)
        self._questions = UsageQuestions(clickhouse)

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

    def _told(self, due: DictRow, now: datetime) -> int:
        customer, meter = due["customer"], due["meter"]
        aggregations = {meter: Aggregation(due["aggregation"])}
        hold = Statement(_HOLD, {"customer": customer, "meter": meter, "now": now})

        def act(found: list[list[DictRow]]) -> tuple[int, Sequence[Statement]]:
            spans = {row["start"]: period(row["start"], row["ends"]) for row in found[0]}
            values = {
                start: self._questions.used(customer, {meter: span}, aggregations)[meter]
                for start, span in spans.items()
            }
            keep = {**due, "now": now, "starts": list(values), "values": list(values.values())}
            new = sum(values[row["start"]] // 1 != row["told"] for row in found[0])
            return new, [Statement(_KEEP, keep)] if values else []

        return self._database.act((hold,), act)
