"""Usage whose events are in ClickHouse; PostgreSQL stays the place of control (docs/decisions/0014).

A request holds the customer's lock in PostgreSQL, looks its ids up in ClickHouse, inserts what is new as one
block, and commits what came of it to PostgreSQL. Cut off in between, the request sent again finds duplicates,
and does what is left to do: nothing of it depends on which events are new.
"""

from __future__ import annotations

import hashlib
import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, LiteralString

from billing.adapters.clickhouse.archive import UsageArchive
from billing.adapters.clickhouse.batch import (
    COLUMNS,
    Batch,
    Closing,
    columns_of,
    finding_of,
    stored_rows,
)
from billing.adapters.clickhouse.questions import UsageQuestions
from billing.adapters.postgres.connection import Statement
from billing.adapters.postgres.instants import period, utc, utc_or_none
from billing.adapters.postgres.usage_alerts import alert_statements
from billing.domain.errors import UnavailableError
from billing.domain.periods import Period
from billing.domain.usage import Aggregation, UsageSnapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from decimal import Decimal

    from psycopg.rows import DictRow

    from billing.adapters.clickhouse.batch import StoredRow
    from billing.adapters.clickhouse.engine import ClickHouse
    from billing.adapters.postgres.connection import Database
    from billing.domain.usage import Grain, Recorded, UsageEvent, UsageMeter, UsagePoint
    from billing.use_cases.usage_ports import React, Watched

_HOLD: LiteralString = "SELECT hold_usage(%(recorded_at)s::timestamptz, %(records)s::boolean) AS held"

_SETTLE: LiteralString = """
SELECT settle_usage(
    %(meters)s::text[], %(hours)s::timestamptz[], %(told_meters)s::text[], %(told_hours)s::timestamptz[],
    %(totals)s::numeric[], %(snapshots)s::jsonb, %(findings)s::jsonb
)"""

_FORGOTTEN: LiteralString = "SELECT forgotten_until FROM usage_homes WHERE customer = %(customer)s"

_AGGREGATIONS: LiteralString = "SELECT name, aggregation FROM usage_meters"

_SNAPSHOT: LiteralString = """
SELECT period_start, period_end, used, frozen_at FROM usage_snapshots
WHERE customer = %(customer)s AND meter = %(meter)s AND period_start = %(start)s"""

_CLOSE: LiteralString = """
INSERT INTO usage_snapshots (customer, meter, period_start, period_end, used, frozen_at)
VALUES (%(customer)s, %(meter)s, %(start)s, %(end)s, %(used)s, %(at)s)"""


LATEST_INSERT = 2.0
"""Seconds after the lock was had. PostgreSQL lets it go after ten, and an insert is waited for for seven."""


NEVER_FORGOTTEN = timedelta(days=36)
"""Events younger than this are kept in any case: Stripe takes reports of the last 35 days."""


class ClickHouseUsageStore:
    """The port `UsageStore`; `clock` tells seconds, `now` the time."""

    def __init__(
        self,
        database: Database,
        clickhouse: ClickHouse,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._clickhouse = clickhouse
        self._questions = UsageQuestions(clickhouse)
        self._archive = UsageArchive(clickhouse)
        self._clock = clock
        self._now = now
        self._aggregations: Mapping[str, Aggregation] = {}

    def record(
        self,
        customer: str,
        events: Sequence[UsageEvent],
        recorded_at: datetime,
        watched: Collection[Watched],
        react: React,
    ) -> Sequence[Recorded]:
        """Keep the events, and return what became of each, as the port says.

        Raises
        ------
        UnavailableError
            One of the two does not answer; sent again, what was kept is a DUPLICATE.
        """
        hold = Statement(_HOLD, {"recorded_at": recorded_at, "records": True})

        def act(rows: list[list[DictRow]]) -> tuple[Sequence[Recorded], Sequence[Statement]]:
            locked_at = self._clock()
            held = rows[0][0]["held"]
            aggregations = _aggregations(held)
            forgotten = _forgotten(rows[1])
            snapshots = self._fill(customer, held["billed"], aggregations, forgotten)
            batch = Batch(
                recorded_at,
                _closings(held),
                aggregations,
                forgotten,
                stored_rows(self._clickhouse, customer, events),
            )
            outcomes = batch.decide(events)
            if self._clock() - locked_at > LATEST_INSERT:
                # An insert that outlives the lock might be made twice.
                raise UnavailableError("usage store")
            self._insert(customer, recorded_at, batch.made)
            alerts = react(self._watched(customer, _open(watched, batch), aggregations))
            own = {(event.source, event.id) for event in events}
            rows_of_events = [row for key in own for row in batch.known.get(key, ())]
            settle = self._settle(customer, held, rows_of_events, snapshots)
            return outcomes, [settle, *(each for alert in alerts for each in alert_statements(alert))]

        return self._database.act_as(customer, (hold, Statement(_FORGOTTEN, {"customer": customer})), act)

    def used(self, customer: str, spans: Mapping[str, Period]) -> Mapping[str, Decimal]:
        """Return what was used of each meter in its span, exact to the event.

        Raises
        ------
        UnavailableError
            One of the two does not answer.
        """
        # What a meter counts never changes; only one that is new is asked for again.
        if spans.keys() - self._aggregations.keys():
            rows = self._database.query(Statement(_AGGREGATIONS))
            self._aggregations = {row["name"]: Aggregation(row["aggregation"]) for row in rows}
        oldest = min((span.start for span in spans.values()), default=None)
        return self._archive.used(customer, spans, self._aggregations, self._forgotten(customer, oldest))

    def history(
        self, customer: str, meter: UsageMeter, span: Period, grain: Grain, group_by: Sequence[str] = ()
    ) -> Sequence[UsagePoint]:
        """Return what was used in each UTC day or hour within the span, as the port says.

        Raises
        ------
        UnavailableError
            One of the two does not answer.
        """
        forgotten = self._forgotten(customer, span.start)
        return self._archive.history(customer, meter, span, grain, group_by, forgotten)

    def freeze(self, customer: str, meter: str, span: Period, at: datetime) -> UsageSnapshot:
        """Close the period and return what was used in it; the first answer stands for ever.

        Raises
        ------
        UnavailableError
            One of the two does not answer.
        """
        closing = {"customer": customer, "meter": meter, "start": span.start, "end": span.end, "at": at}
        hold = Statement(_HOLD, {"recorded_at": at, "records": False})

        def act(rows: list[list[DictRow]]) -> tuple[UsageSnapshot, Sequence[Statement]]:
            for row in rows[2]:
                closed = period(row["period_start"], row["period_end"])
                return UsageSnapshot(customer, meter, closed, row["used"], utc(row["frozen_at"])), ()
            aggregations = _aggregations(rows[0][0]["held"])
            used = self._archive.used(customer, {meter: span}, aggregations, _forgotten(rows[1]))[meter]
            return UsageSnapshot(customer, meter, span, used, at), [
                Statement(_CLOSE, {**closing, "used": used})
            ]

        asked = (hold, Statement(_FORGOTTEN, {"customer": customer}), Statement(_SNAPSHOT, closing))
        return self._database.act_as(customer, asked, act)

    def _forgotten(self, customer: str, since: datetime | None) -> datetime | None:
        """Return until when events are forgotten, None if that is not after `since`."""
        if since is None or since >= self._now() - NEVER_FORGOTTEN:
            return None
        (rows,) = self._database.read_as(customer, Statement(_FORGOTTEN, {"customer": customer}))
        return _forgotten(rows)

    def _watched(
        self, customer: str, watched: Sequence[Watched], aggregations: Mapping[str, Aggregation]
    ) -> Mapping[Watched, Decimal]:
        """Return what was used in the periods; a query for those that go on, and one more for each before."""
        used: dict[Watched, Decimal] = {}
        left = list(watched)
        while left:
            # Of several periods of one meter, one a query.
            spans = dict(reversed(left))
            found = self._questions.used(customer, spans, aggregations)
            used |= {(name, spans[name]): quantity for name, quantity in found.items()}
            left = [each for each in left if each not in spans.items()]
        return used

    def _insert(self, customer: str, recorded_at: datetime, made: Sequence[StoredRow]) -> None:
        if not made:
            return
        rows = [columns_of(customer, recorded_at, row) for row in made]
        # The same rows again, when the answer to the first try was lost, are not kept twice.
        content = repr([(row.key, row.digest, row.meter, row.counted_at, row.quantity) for row in made])
        token = hashlib.sha256(f"{customer}\n{content}".encode()).hexdigest()
        self._clickhouse.insert(COLUMNS, rows, token)

    def _fill(
        self,
        customer: str,
        billed: Sequence[Mapping[str, str]],
        aggregations: Mapping[str, Aggregation],
        forgotten: datetime | None,
    ) -> Sequence[Mapping[str, str]]:
        """Return the snapshots of the periods that were found closed, from what was used so far."""
        filled = []
        for each in billed:
            span = Period(utc(_instant(each["period_start"])), utc(_instant(each["period_end"])))
            meter = each["meter"]
            used = self._archive.used(customer, {meter: span}, aggregations, forgotten)[meter]
            filled.append({"meter": each["meter"], "period_start": each["period_start"], "used": str(used)})
        return filled

    def _settle(
        self,
        customer: str,
        held: Mapping[str, Any],
        rows: Collection[StoredRow],
        snapshots: Sequence[Mapping[str, str]],
    ) -> Statement:
        """Return what keeps the totals of the hours that the rows or new cuts touch, and the findings."""
        reported = {name for name, meter in held["meters"].items() if meter["reported"]}
        learned = [_hour(_instant(cut)) for cut in held["learned"]]
        touched = {(row.meter, _hour(row.counted_at)) for row in rows if row.meter in reported}
        touched |= {(name, hour) for name in reported for hour in learned}
        cuts = [_instant(cut) for cut in held["cuts"]]
        told = self._questions.hours(customer, touched, cuts, _aggregations(held))
        return Statement(
            _SETTLE,
            {
                "meters": [meter for meter, _ in touched],
                "hours": [hour for _, hour in touched],
                "told_meters": [meter for meter, _ in told],
                "told_hours": [hour for _, hour in told],
                "totals": list(told.values()),
                "snapshots": json.dumps(snapshots),
                "findings": json.dumps([finding_of(row) for row in rows if row.finding]),
            },
        )


def _forgotten(rows: Sequence[DictRow]) -> datetime | None:
    return utc_or_none(rows[0]["forgotten_until"]) if rows else None


def _aggregations(held: Mapping[str, Any]) -> Mapping[str, Aggregation]:
    return {name: Aggregation(meter["aggregation"]) for name, meter in held["meters"].items()}


def _closings(held: Mapping[str, Any]) -> Mapping[str, Closing]:
    return {
        each["meter"]: Closing(
            _instant(each["closed_until"]), None if each["place"] is None else _instant(each["place"])
        )
        for each in held["closings"]
    }


def _open(watched: Collection[Watched], batch: Batch) -> Sequence[Watched]:
    """Return those without periods that have ended and are closed."""
    return [
        (meter, span)
        for meter, span in watched
        if span.end > batch.recorded_at
        or meter not in batch.closings
        or batch.closings[meter].until < span.end
    ]


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
