"""What is asked of the events in ClickHouse: used, history, hours; answered from the events by their order.

Instants go as microseconds, quantities come as texts: neither is ever rounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, LiteralString

from billing.domain.usage import Aggregation, Grain, UsagePoint

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from billing.adapters.clickhouse.engine import ClickHouse
    from billing.domain.periods import Period
    from billing.domain.usage import UsageMeter

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
HOUR = timedelta(hours=1)

_ADDED_UP: dict[Aggregation, LiteralString] = {
    Aggregation.SUM: "toString(sum(value * quantity))",
    Aggregation.COUNT: "toString(sum(quantity))",
    Aggregation.MAX: "toString(max(value))",
    Aggregation.LAST: "toString(argMax(value, (time, source, id)))",
    Aggregation.UNIQUE_COUNT: "toString(uniqExact(distinct_value))",
}

# What is left of a step: nothing where all was taken back.
_LEFT: dict[Aggregation, LiteralString] = {
    Aggregation.SUM: " HAVING sum(quantity) <> 0 OR sum(value * quantity) <> 0",
    Aggregation.COUNT: " HAVING sum(quantity) <> 0",
}

_STEPS: dict[Grain, LiteralString] = {Grain.DAY: "toStartOfDay", Grain.HOUR: "toStartOfHour"}

_HOURS: LiteralString = """
WITH toUnixTimestamp64Micro(counted_at) AS at, intDiv(at, 3600000000) * 3600000000 AS clock_hour
SELECT meter,
    greatest(
        clock_hour,
        arrayMax(arrayConcat([toInt64(0)], arrayFilter(cut -> cut <= at, {cuts:Array(Int64)})))
    ) AS bucket,
    ifNull(toString(sum(value * quantity)), '0'), toString(sum(quantity)), toString(count())
FROM usage_events
WHERE customer = {customer:String} AND meter IN {meters:Array(String)}
    AND counted_at >= fromUnixTimestamp64Micro({start:Int64})
    AND counted_at < fromUnixTimestamp64Micro({end:Int64})
    AND quantity <> 0
    AND (meter, clock_hour) IN (
        SELECT pair.1, pair.2
        FROM (SELECT arrayJoin(arrayZip({meters:Array(String)}, {hours:Array(Int64)})) AS pair)
    )
GROUP BY meter, bucket"""


@dataclass(frozen=True, slots=True)
class UsageQuestions:
    """Asks ClickHouse."""

    clickhouse: ClickHouse

    def used(
        self, customer: str, spans: Mapping[str, Period], aggregations: Mapping[str, Aggregation]
    ) -> Mapping[str, Decimal]:
        """Return what was used of each meter that has an aggregation: one query, or two after voids.

        Raises
        ------
        UnavailableError
            ClickHouse does not answer.
        """
        known = {name: span for name, span in spans.items() if name in aggregations}
        used, doubtful = self._added_up(customer, known, aggregations, _quick)
        if doubtful:
            # What was taken back has to be told from what stands.
            again, _ = self._added_up(
                customer, {name: known[name] for name in doubtful}, aggregations, _exact
            )
            used |= again
        return used

    def _added_up(
        self,
        customer: str,
        spans: Mapping[str, Period],
        aggregations: Mapping[str, Aggregation],
        ask: Callable[[Aggregation, str], tuple[str, str]],
    ) -> tuple[dict[str, Decimal], Collection[str]]:
        """Return the quantities, and the meters whose quantity events that were taken back may be in.

        `ask` tells what is selected and where. Meters of one span are added up in one go over the events.
        """
        parts: dict[tuple[Period, Aggregation | None], list[str]] = {}
        for name, span in spans.items():
            alone = aggregations[name] if aggregations[name] in _ALONE else None
            parts.setdefault((span, alone), []).append(name)
        queries = []
        parameters: dict[str, object] = {"customer": customer}
        for place, ((span, _), names) in enumerate(parts.items()):
            asked = {aggregations[name]: ask(aggregations[name], str(place)) for name in names}
            columns = ", ".join(
                f"{asked[each][0] if each in asked else _NOT_ASKED} AS used_{each}" for each in Aggregation
            )
            (where,) = {where for _, where in asked.values()}
            queries.append(
                f"SELECT meter, {columns}, countIf(quantity = -1)"  # noqa: S608 - literals
                f" FROM usage_events WHERE {where} GROUP BY meter"
            )
            parameters |= _bounds(names, span, str(place))
        rows = self.clickhouse.rows(" UNION ALL ".join(queries), parameters) if queries else ()
        used = dict.fromkeys(spans, Decimal(0))
        doubtful = []
        for name, *quantities, back in rows:
            used[name] = Decimal(dict(zip(Aggregation, quantities, strict=True))[aggregations[name]] or 0)
            if back and not aggregations[name].is_additive:
                doubtful.append(name)
        return used, doubtful

    def history(
        self, customer: str, meter: UsageMeter, span: Period, grain: Grain, group_by: Sequence[str]
    ) -> Sequence[UsagePoint]:
        """Return what was used in each step, oldest first, then by groups.

        Raises
        ------
        UnavailableError
            ClickHouse does not answer.
        """
        places = [meter.group_by.index(name) + 1 for name in group_by]
        rows = self.clickhouse.rows(
            f"SELECT toUnixTimestamp({_STEPS[grain]}(counted_at)) AS start,"  # noqa: S608 - literals
            " arrayMap(place -> groups[place], {places:Array(UInt8)}) AS split,"
            f" {_ADDED_UP[meter.aggregation]} AS used FROM usage_events"
            f" WHERE {_where(meter.aggregation, '')} GROUP BY start, split{_LEFT.get(meter.aggregation, '')}",
            {"customer": customer, "places": places, **_bounds([meter.name], span, "")},
        )
        points = [
            UsagePoint(_EPOCH + timedelta(seconds=start), tuple(split), Decimal(used))
            for start, split, used in rows
        ]
        return sorted(points, key=lambda point: (point.start, point.groups))

    def hours(
        self,
        customer: str,
        touched: Collection[tuple[str, datetime]],
        cuts: Sequence[datetime],
        aggregations: Mapping[str, Aggregation],
    ) -> Mapping[tuple[str, datetime], Decimal]:
        """Return the totals within clock hours of meters, of each hour or its part before or after a cut.

        For a meter that is not additive the total is the number of its rows.

        Raises
        ------
        UnavailableError
            ClickHouse does not answer.
        """
        if not touched:
            return {}
        hours = [hour for _, hour in touched]
        rows = self.clickhouse.rows(
            _HOURS,
            {
                "customer": customer,
                "meters": [meter for meter, _ in touched],
                "hours": [micros(hour) for hour in hours],
                "start": micros(min(hours)),
                "end": micros(max(hours) + HOUR),
                "cuts": [micros(cut) for cut in cuts],
            },
        )
        columns = {Aggregation.SUM: 0, Aggregation.COUNT: 1}
        return {
            (meter, from_micros(bucket)): Decimal(totals[columns.get(aggregations[meter], 2)])
            for meter, bucket, *totals in rows
        }


def micros(at: datetime) -> int:
    """Return microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND


def from_micros(number: int) -> datetime:
    """Return the instant of a number of microseconds since 1970."""
    return _EPOCH + number * _MICROSECOND


def _where(aggregation: Aggregation, place: str) -> str:
    span = _span(place)
    if aggregation.is_additive:
        return f"{span} AND quantity <> 0"
    # An event was taken back where it counts exactly if what took it back counts at the same instant.
    back = f"SELECT meter, source, voids, counted_at FROM usage_events WHERE {span} AND quantity = -1"  # noqa: S608 - literals
    return f"{span} AND quantity = 1 AND (meter, source, id, counted_at) NOT IN ({back})"


def _span(place: str) -> str:
    return (
        f"customer = {{customer:String}} AND meter IN {{meters{place}:Array(String)}}"
        f" AND counted_at >= fromUnixTimestamp64Micro({{start{place}:Int64}})"
        f" AND counted_at < fromUnixTimestamp64Micro({{end{place}:Int64}})"
    )


def _bounds(meters: Sequence[str], span: Period, place: str) -> dict[str, object]:
    return {
        f"meters{place}": list(meters),
        f"start{place}": micros(span.start),
        f"end{place}": micros(span.end),
    }


_NOT_ASKED = "''"

# These read columns that the others do not need.
_ALONE = frozenset({Aggregation.LAST, Aggregation.UNIQUE_COUNT})

_QUICK: dict[Aggregation, LiteralString] = {
    Aggregation.SUM: _ADDED_UP[Aggregation.SUM],
    Aggregation.COUNT: _ADDED_UP[Aggregation.COUNT],
    Aggregation.MAX: "toString(maxIf(value, quantity = 1))",
    Aggregation.LAST: "toString(argMaxIf(value, (time, source, id), quantity = 1))",
    Aggregation.UNIQUE_COUNT: "toString(uniqExactIf(distinct_value, quantity = 1))",
}


def _quick(aggregation: Aggregation, place: str) -> tuple[str, str]:
    """Return what is selected and where: exact where nothing was taken back, and for what is additive."""
    return _QUICK[aggregation], _span(place)


def _exact(aggregation: Aggregation, place: str) -> tuple[str, str]:
    return _ADDED_UP[aggregation], _where(aggregation, place)
