"""Usage in PostgreSQL: one function of the database writes a request (migrations/0014_usage_writing.sql)."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, LiteralString

from billing.adapters.postgres.connection import Statement
from billing.adapters.postgres.instants import period, utc
from billing.adapters.postgres.usage_alerts import alert_statements
from billing.domain.usage import Aggregation, Recorded, UsageMeter, UsagePoint, UsageSnapshot

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from psycopg.rows import DictRow

    from billing.adapters.postgres.connection import Database
    from billing.domain.periods import Period
    from billing.domain.usage import Grain, UsageEvent
    from billing.use_cases.usage_ports import React, Watched

SELECT_METERS: LiteralString = """
SELECT name, display_name, event_type, aggregation, value_property, group_by, stripe_event_name
FROM usage_meters WHERE NOT retired ORDER BY name"""

_RECORD: LiteralString = """
SELECT record_usage(
    %(recorded_at)s::timestamptz, %(sources)s::text[], %(ids)s::text[], %(digests)s::bytea[],
    %(times)s::timestamptz[], %(voids)s::text[], %(of)s::integer[], %(meters)s::text[],
    %(values)s::numeric[], %(distincts)s::text[], %(groups)s::text[]
) AS outcomes"""

_READ: LiteralString = "SELECT read_usage($1, $2::text[], $3::timestamptz[], $4::timestamptz[])"

_USED: LiteralString = """
SELECT meter AS name, used
FROM usage_in(
    %(customer)s, %(meters)s::text[], %(starts)s::timestamptz[], %(ends)s::timestamptz[]
)"""

# Of periods that are over, which may be closed: what comes then counts elsewhere.
_ENDED: LiteralString = """
SELECT w.place, usage_between(%(customer)s, m.name, m.aggregation, w.start, w.until) AS used
FROM unnest(%(meters)s::text[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
    WITH ORDINALITY AS w (name, start, until, place)
JOIN usage_meters AS m ON m.name = w.name
WHERE NOT EXISTS (
    SELECT FROM usage_snapshots AS s
    WHERE s.customer = %(customer)s AND s.meter = w.name AND s.period_end >= w.until
)"""

# What is not split by a property has '[]' for groups.
_GROUPS: LiteralString = """
coalesce((
    SELECT jsonb_agg(piece.groups::jsonb -> place ORDER BY number)
    FROM unnest(%(places)s::integer[]) WITH ORDINALITY AS chosen (place, number)
), '[]') AS split"""

_HISTORY: LiteralString = f"""
SELECT date_trunc(%(grain)s, piece.bucket, 'UTC') AS start, {_GROUPS},
    CASE %(aggregation)s
        WHEN 'sum' THEN sum(piece.sum)
        WHEN 'count' THEN sum(piece.count)
        WHEN 'max' THEN max(piece.max)
        ELSE usage_last_value(max(piece.last COLLATE "C"))
    END AS used
FROM usage_steps(%(customer)s, %(meter)s, %(start)s, %(end)s, %(grain)s) AS piece
GROUP BY 1, 2
HAVING CASE %(aggregation)s
    WHEN 'sum' THEN sum(piece.count) <> 0 OR sum(piece.sum) <> 0
    WHEN 'count' THEN sum(piece.count) <> 0
    ELSE max(piece.max) IS NOT NULL
END"""  # noqa: S608 - literals

_UNIQUE_HISTORY: LiteralString = f"""
SELECT date_trunc(%(grain)s, piece.bucket, 'UTC') AS start, {_GROUPS},
    count(DISTINCT piece.value)::numeric AS used
FROM usage_value_steps(%(customer)s, %(meter)s, %(start)s, %(end)s, %(grain)s) AS piece
GROUP BY 1, 2"""  # noqa: S608 - literals

_FREEZE: LiteralString = """
SELECT period_start, period_end, used, frozen_at
FROM freeze_usage(%(customer)s, %(meter)s, %(start)s, %(end)s, %(at)s)"""


_NULL = "NULL"


class PostgresUsageMeters:
    """The port `UsageMeters`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> Sequence[UsageMeter]:
        """Return every meter that counts, by name.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        return read_meters(self._database.query(Statement(SELECT_METERS)))


class PostgresUsageStore:
    """The port `UsageStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(
        self,
        customer: str,
        events: Sequence[UsageEvent],
        recorded_at: datetime,
        watched: Collection[Watched],
        react: React,
    ) -> Sequence[Recorded]:
        """Keep the events, and return what became of each, as the port says; two round trips.

        Raises
        ------
        UnavailableError
            The database does not answer; sent again, what was kept is a DUPLICATE.
        """
        record = Statement(_RECORD, {"recorded_at": recorded_at, **_columns(events)})
        running = {name: span for name, span in watched if span.end > recorded_at}
        ended = [(name, span) for name, span in watched if span.end <= recorded_at]
        asked = [record, _used(customer, running), *([_ended(customer, ended)] if ended else [])]

        def act(rows: list[list[DictRow]]) -> tuple[Sequence[Recorded], Sequence[Statement]]:
            outcomes = tuple(Recorded(outcome) for outcome in rows[0][0]["outcomes"])
            used = {(row["name"], running[row["name"]]): row["used"] for row in rows[1]}
            used |= {ended[row["place"] - 1]: row["used"] for found in rows[2:] for row in found}
            return outcomes, [each for alert in react(used) for each in alert_statements(alert)]

        return self._database.act_as(customer, asked, act)

    def used(self, customer: str, spans: Mapping[str, Period]) -> Mapping[str, Decimal]:
        """Return what was used of each meter in its span, exact to the event; one message to the server.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        asked = (
            customer,
            _array(_quoted(name) for name in spans),
            _array(span.start.isoformat() for span in spans.values()),
            _array(span.end.isoformat() for span in spans.values()),
        )
        used = json.loads(self._database.call(_READ, asked))
        return {name: Decimal(quantity) for name, quantity in used.items()}

    def history(
        self, customer: str, meter: UsageMeter, span: Period, grain: Grain, group_by: Sequence[str] = ()
    ) -> Sequence[UsagePoint]:
        """Return what was used in each UTC day or hour within the span, as the port says.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        is_unique = meter.aggregation is Aggregation.UNIQUE_COUNT
        statement = Statement(
            _UNIQUE_HISTORY if is_unique else _HISTORY,
            {
                "customer": customer,
                "meter": meter.name,
                "aggregation": meter.aggregation.value,
                "grain": grain.value,
                "places": [meter.group_by.index(name) for name in group_by],
                "start": span.start,
                "end": span.end,
            },
        )
        (rows,) = self._database.read_as(customer, statement)
        points = [UsagePoint(utc(row["start"]), tuple(row["split"]), row["used"]) for row in rows]
        return sorted(points, key=lambda point: (point.start, point.groups))

    def freeze(self, customer: str, meter: str, span: Period, at: datetime) -> UsageSnapshot:
        """Close the period and return what was used in it; the first answer stands for ever.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        closing = {"customer": customer, "meter": meter, "start": span.start, "end": span.end, "at": at}
        row = self._database.query(Statement(_FREEZE, closing))[0]
        return UsageSnapshot(
            customer,
            meter,
            period(row["period_start"], row["period_end"]),
            row["used"],
            utc(row["frozen_at"]),
        )


def _used(customer: str, spans: Mapping[str, Period]) -> Statement:
    return Statement(
        _USED,
        {
            "customer": customer,
            "meters": list(spans),
            "starts": [span.start for span in spans.values()],
            "ends": [span.end for span in spans.values()],
        },
    )


def _ended(customer: str, spans: Sequence[Watched]) -> Statement:
    return Statement(
        _ENDED,
        {
            "customer": customer,
            "meters": [name for name, _ in spans],
            "starts": [span.start for _, span in spans],
            "ends": [span.end for _, span in spans],
        },
    )


def _columns(events: Sequence[UsageEvent]) -> dict[str, str]:
    """Return the columns as PostgreSQL writes arrays: psycopg takes several times as long for lists."""
    readings = [(place, reading) for place, event in enumerate(events, 1) for reading in event.readings]
    return {
        "sources": _array(_quoted(event.source) for event in events),
        "ids": _array(_quoted(event.id) for event in events),
        "digests": _array(f'"\\\\x{event.digest.hex()}"' for event in events),
        "times": _array(event.time.isoformat() for event in events),
        "voids": _array(_quoted(event.voids or "") for event in events),
        "of": _array(str(place) for place, _ in readings),
        "meters": _array(_quoted(reading.meter) for _, reading in readings),
        "values": _array(_NULL if reading.value is None else str(reading.value) for _, reading in readings),
        "distincts": _array(
            _NULL if reading.distinct is None else _quoted(reading.distinct) for _, reading in readings
        ),
        "groups": _array(_quoted(groups_text(reading.groups)) for _, reading in readings),
    }


def _array(elements: Iterable[str]) -> str:
    return f"{{{','.join(elements)}}}"


def _quoted(text: str) -> str:
    if '"' in text or "\\" in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def groups_text(groups: Sequence[str]) -> str:
    """Return the values of the group_by properties as the stores keep them: a JSON list."""
    if not groups:
        return "[]"
    return json.dumps(list(groups), ensure_ascii=False, separators=(",", ":"))


def read_meters(rows: Iterable[DictRow]) -> tuple[UsageMeter, ...]:
    """Return the meters of the rows of SELECT_METERS."""
    return tuple(_meter(row) for row in rows)


def _meter(row: DictRow) -> UsageMeter:
    return UsageMeter(
        name=row["name"],
        display_name=row["display_name"],
        event_type=row["event_type"],
        aggregation=Aggregation(row["aggregation"]),
        value_property=row["value_property"],
        group_by=tuple(row["group_by"]),
        stripe_event_name=row["stripe_event_name"],
    )
