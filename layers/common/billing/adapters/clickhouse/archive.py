"""What is left of months whose events are forgotten: days added up, cut where a period of the customer is.

Before the instant `forgotten` a customer's usage is answered from these days, from there on from the events.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, LiteralString

from billing.adapters.clickhouse.questions import UsageQuestions, from_micros, micros
from billing.domain.periods import Period
from billing.domain.usage import Aggregation, Grain, UsagePoint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from billing.adapters.clickhouse.engine import ClickHouse
    from billing.domain.usage import UsageMeter

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# An event was taken back where it counts exactly if what took it back counts at the same instant.
_STANDS: LiteralString = """
quantity = 1 AND (meter, source, id, counted_at) NOT IN (
    SELECT meter, source, voids, counted_at FROM usage_events
    WHERE customer = {customer:String} AND quantity = -1
        AND counted_at >= fromUnixTimestamp64Micro({start:Int64})
        AND counted_at < fromUnixTimestamp64Micro({end:Int64})
)"""

_KEEP: LiteralString = f"""
INSERT INTO usage_rollups (
    customer, meter, bucket, groups, count, sum, max, last_value, last_time, last_source, last_id,
    distinct_values
)
WITH toUnixTimestamp64Micro(counted_at) AS at, intDiv(at, 86400000000) * 86400000000 AS day,
    maxIf((time, toString(source), id), {_STANDS}) AS last
SELECT customer, meter,
    fromUnixTimestamp64Micro(
        greatest(
            day, arrayMax(arrayConcat([toInt64(0)], arrayFilter(cut -> cut <= at, {{cuts:Array(Int64)}})))
        )
    ) AS bucket,
    groups, sum(toInt64(quantity)), sum(value * quantity), maxIf(value, {_STANDS}),
    argMaxIf(value, (time, source, id), {_STANDS}), last.1, last.2, last.3,
    groupUniqArrayIf(distinct_value, {_STANDS})
FROM usage_events
WHERE customer = {{customer:String}} AND meter <> '' AND quantity <> 0
    AND counted_at >= fromUnixTimestamp64Micro({{start:Int64}})
    AND counted_at < fromUnixTimestamp64Micro({{end:Int64}})
GROUP BY customer, meter, bucket, groups"""  # noqa: S608 - literals

# Days, then events one by one.
_PARTS: LiteralString = f"""
SELECT bucket AS at, groups, count AS c, sum AS s, max AS m, last_value AS v,
    (last_time, last_source, last_id) AS k, distinct_values AS d
FROM usage_rollups FINAL
WHERE customer = {{customer:String}} AND meter = {{meter:String}}
    AND bucket >= fromUnixTimestamp64Micro({{first:Int64}})
    AND bucket < fromUnixTimestamp64Micro({{until:Int64}})
UNION ALL
SELECT counted_at, groups, toInt64(quantity), value * quantity, if({_STANDS}, value, NULL),
    if({_STANDS}, value, NULL), (time, toString(source), id),
    if({_STANDS} AND distinct_value IS NOT NULL, [assumeNotNull(distinct_value)], [])
FROM usage_events
WHERE customer = {{customer:String}} AND meter = {{meter:String}} AND quantity <> 0
    AND counted_at >= fromUnixTimestamp64Micro({{start:Int64}})
    AND counted_at < fromUnixTimestamp64Micro({{end:Int64}})"""  # noqa: S608 - literals

_ADDED_UP: dict[Aggregation, LiteralString] = {
    Aggregation.SUM: "toString(sum(s))",
    Aggregation.COUNT: "toString(sum(c))",
    Aggregation.MAX: "toString(max(m))",
    Aggregation.LAST: "toString(argMax(v, k))",
    Aggregation.UNIQUE_COUNT: "toString(uniqExactArray(d))",
}

_LEFT: dict[Aggregation, LiteralString] = {
    Aggregation.SUM: "sum(c) <> 0 OR sum(s) <> 0",
    Aggregation.COUNT: "sum(c) <> 0",
    Aggregation.MAX: "count(m) > 0",
    Aggregation.LAST: "count(v) > 0",
    Aggregation.UNIQUE_COUNT: "uniqExactArray(d) > 0",
}

# An id stays taken when its event is gone. What voids or was voided has such a row already.
_KEEP_IDS: LiteralString = """
INSERT INTO usage_events (
    customer, meter, counted_at, quantity, groups, time, recorded_at, source, id, digest, voids, finding
)
SELECT customer, '', min(time), 0, [], min(time), min(recorded_at), source, id, any(digest), '', ''
FROM usage_events
WHERE customer = {customer:String} AND meter <> '' AND voids = ''
    AND counted_at >= fromUnixTimestamp64Micro({start:Int64})
    AND counted_at < fromUnixTimestamp64Micro({end:Int64})
    AND (source, id) NOT IN (
        SELECT source, id FROM usage_events
        WHERE customer = {customer:String} AND meter = '' AND quantity = 0
    )
GROUP BY customer, source, id"""

_FIRST: LiteralString = """
SELECT count(), toUnixTimestamp64Micro(min(counted_at)) FROM usage_events
WHERE customer = {customer:String} AND meter <> ''
    AND counted_at >= fromUnixTimestamp64Micro({start:Int64})
    AND counted_at < fromUnixTimestamp64Micro({end:Int64})"""

_OLD: LiteralString = "meter <> '' AND counted_at < fromUnixTimestamp64Micro({until:Int64})"


@dataclass(frozen=True, slots=True)
class UsageArchive:
    """Asks ClickHouse, of forgotten months too."""

    clickhouse: ClickHouse

    def used(
        self,
        customer: str,
        spans: Mapping[str, Period],
        aggregations: Mapping[str, Aggregation],
        forgotten: datetime | None,
    ) -> Mapping[str, Decimal]:
        """Return what UsageQuestions.used does; a query more for each meter whose span reaches back.

        Raises
        ------
        UnavailableError
            ClickHouse does not answer.
        """
        questions = UsageQuestions(self.clickhouse)
        if forgotten is None:
            return questions.used(customer, spans, aggregations)
        recent = {name: span for name, span in spans.items() if span.start >= forgotten}
        used = dict(questions.used(customer, recent, aggregations)) if recent else {}
        for name in spans.keys() & aggregations.keys() - recent.keys():
            rows = self.clickhouse.rows(
                f"SELECT {_ADDED_UP[aggregations[name]]} FROM ({_PARTS})",  # noqa: S608 - literals
                _parameters(customer, name, spans[name], forgotten),
            )
            used[name] = Decimal(rows[0][0] or 0)
        return used

    def history(
        self,
        customer: str,
        meter: UsageMeter,
        span: Period,
        grain: Grain,
        group_by: Sequence[str],
        forgotten: datetime | None,
    ) -> Sequence[UsagePoint]:
        """Return what UsageQuestions.history does; of forgotten months there are no hours.

        Raises
        ------
        UnavailableError
            ClickHouse does not answer.
        """
        questions = UsageQuestions(self.clickhouse)
        if forgotten is None or span.start >= forgotten:
            return questions.history(customer, meter, span, grain, group_by)
        if grain is Grain.HOUR:
            rest = Period(forgotten, max(forgotten, span.end))
            return questions.history(customer, meter, rest, grain, group_by)
        places = [meter.group_by.index(name) + 1 for name in group_by]
        rows = self.clickhouse.rows(
            "SELECT toUnixTimestamp(toStartOfDay(at)) AS start,"  # noqa: S608 - literals
            " arrayMap(place -> groups[place], {places:Array(UInt8)}) AS split,"
            f" {_ADDED_UP[meter.aggregation]} AS used FROM ({_PARTS})"
            f" GROUP BY start, split HAVING {_LEFT[meter.aggregation]}",
            {"places": places, **_parameters(customer, meter.name, span, forgotten)},
        )
        points = [
            UsagePoint(_EPOCH + timedelta(seconds=start), tuple(split), Decimal(used))
            for start, split, used in rows
        ]
        return sorted(points, key=lambda point: (point.start, point.groups))

    def first(self, customer: str, start: datetime | None, until: datetime) -> datetime | None:
        """Return when the customer's first event in a span counts, None for none.

        Raises
        ------
        UnavailableError
            ClickHouse does not answer.
        """
        span = {"customer": customer, "start": micros(start or _EPOCH), "end": micros(until)}
        (row,) = self.clickhouse.rows(_FIRST, span)
        return from_micros(row[1]) if row[0] else None

    def keep(self, customer: str, start: datetime, until: datetime, cuts: Sequence[datetime]) -> None:
        """Add up the days of the customer's events in a span, and keep their ids; again changes nothing.

        Raises
        ------
        UnavailableError
            ClickHouse does not answer; some of it may be kept.
        """
        span = {"customer": customer, "start": micros(start), "end": micros(until)}
        self.clickhouse.run(_KEEP, {**span, "cuts": [micros(cut) for cut in cuts]})
        self.clickhouse.run(_KEEP_IDS, span)

    def forget(self, until: datetime) -> bool:
        """Begin to delete everybody's events before an instant; return whether there are any.

        Raises
        ------
        UnavailableError
            ClickHouse does not answer.
        """
        old = {"until": micros(until)}
        if not self.clickhouse.rows(f"SELECT 1 FROM usage_events WHERE {_OLD} LIMIT 1", old):  # noqa: S608
            return False
        self.clickhouse.run(f"ALTER TABLE usage_events DELETE WHERE {_OLD}", old)
        return True


def _parameters(customer: str, meter: str, span: Period, forgotten: datetime) -> dict[str, object]:
    return {
        "customer": customer,
        "meter": meter,
        "first": micros(span.start),
        "until": micros(min(span.end, forgotten)),
        "start": micros(max(span.start, forgotten)),
        "end": micros(span.end),
    }
