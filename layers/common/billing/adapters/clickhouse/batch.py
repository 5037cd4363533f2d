"""What becomes of the events of one request, decided against what ClickHouse keeps of their ids.

Beside the readings of an event two kinds of rows are kept under the meter '': one for what voids another,
and one under the id of what was voided, with quantity -1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, LiteralString

from billing.adapters.clickhouse.questions import from_micros, micros
from billing.domain.usage import Reading, Recorded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from billing.adapters.clickhouse.engine import ClickHouse
    from billing.domain.usage import Aggregation, UsageEvent

COLUMNS = (
    "customer",
    "meter",
    "counted_at",
    "quantity",
    "value",
    "distinct_value",
    "groups",
    "time",
    "recorded_at",
    "source",
    "id",
    "digest",
    "voids",
    "finding",
)

_OF_IDS: LiteralString = """
FROM usage_events
WHERE customer = {customer:String} AND (source, id) IN (
    SELECT pair.1, pair.2
    FROM (SELECT arrayJoin(arrayZip({sources:Array(String)}, {ids:Array(String)})) AS pair)
)"""

_BRIEF: LiteralString = (
    "SELECT source, id, hex(digest), meter, toUnixTimestamp64Micro(counted_at), quantity, voids, finding"
    + _OF_IDS
)
_FULL: LiteralString = (
    "SELECT source, id, hex(digest), meter, toUnixTimestamp64Micro(counted_at), quantity, voids, finding,"
    " toUnixTimestamp64Micro(time), toString(value), distinct_value, groups" + _OF_IDS
)

LATE_IGNORED = "late_usage_ignored"
VOID_AFTER_CLOSE = "void_after_close"

type Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class StoredRow:
    """One row of the table; `meter` is empty where the row is about an id only."""

    key: Key
    digest: bytes
    meter: str
    counted_at: datetime
    quantity: int
    voids: str
    time: datetime
    reading: Reading
    finding: str = ""


@dataclass(frozen=True, slots=True)
class Closing:
    """Until when a meter is closed, and where late usage of it counts: None for nowhere."""

    until: datetime
    place: datetime | None


@dataclass(slots=True)
class Batch:
    """The events of one customer's request; `known` are the rows of their ids, `made` those to be kept.

    What counts before `forgotten` is there no more, but for its id.
    """

    recorded_at: datetime
    closings: Mapping[str, Closing]
    aggregations: Mapping[str, Aggregation]
    forgotten: datetime | None = None
    known: dict[Key, list[StoredRow]] = field(default_factory=dict)
    made: list[StoredRow] = field(default_factory=list)

    def decide(self, events: Sequence[UsageEvent]) -> Sequence[Recorded]:
        """Return what becomes of each event, in order."""
        outcomes: dict[int, Recorded] = {}
        for place, event in sorted(enumerate(events), key=lambda each: each[1].voids is not None):
            outcomes[place] = self._decide(event)
        return tuple(outcomes[place] for place in range(len(events)))

    def _decide(self, event: UsageEvent) -> Recorded:
        key = (event.source, event.id)
        own = [row for row in self.known.get(key, ()) if row.meter or row.quantity == 0]
        if own:
            return Recorded.DUPLICATE if own[0].digest == event.digest else Recorded.CONFLICT
        if event.voids is not None:
            target = (event.source, event.voids)
            rows = [row for row in self.known.get(target, ()) if not self._is_forgotten(row)]
            # What only took another back is nothing that can be voided.
            if not any(row.meter and not row.voids for row in rows):
                return Recorded.UNKNOWN_EVENT
            if any(not row.meter and row.quantity < 0 for row in rows):
                return Recorded.ALREADY_VOIDED
            for row in [each for each in rows if each.meter and each.quantity == 1]:
                self._take_back(event, row)
            self._keep(StoredRow(target, bytes(16), "", event.time, -1, "", event.time, Reading("")))
            self._keep(StoredRow(key, event.digest, "", event.time, 0, event.voids, event.time, Reading("")))
        for reading in event.readings:
            closing = self._closing(reading.meter, event.time)
            place = event.time if closing is None else closing.place
            self._keep(
                StoredRow(
                    key,
                    event.digest,
                    reading.meter,
                    place or event.time,
                    0 if place is None else 1,
                    "",
                    event.time,
                    reading,
                    LATE_IGNORED if place is None else "",
                )
            )
        return Recorded.ACCEPTED

    def _take_back(self, event: UsageEvent, row: StoredRow) -> None:
        closing = self._closing(row.meter, row.counted_at)
        place = row.counted_at if closing is None else closing.place
        told = closing is not None and (place is None or not self.aggregations[row.meter].is_additive)
        self._keep(
            StoredRow(
                (event.source, event.id),
                event.digest,
                row.meter,
                place or row.counted_at,
                -1 if place is not None else 0,
                event.voids or "",
                row.time,
                row.reading,
                VOID_AFTER_CLOSE if told else "",
            )
        )

    def _is_forgotten(self, row: StoredRow) -> bool:
        return bool(row.meter) and self.forgotten is not None and row.counted_at < self.forgotten

    def _closing(self, meter: str, at: datetime) -> Closing | None:
        closing = self.closings.get(meter)
        return closing if closing is not None and at < closing.until else None

    def _keep(self, row: StoredRow) -> None:
        self.made.append(row)
        self.known.setdefault(row.key, []).append(row)


def stored_rows(
    clickhouse: ClickHouse, customer: str, events: Sequence[UsageEvent]
) -> dict[Key, list[StoredRow]]:
    """Return the rows of the ids that the events have or void.

    Only what tells ids apart, where nothing is voided and nothing was found.

    Raises
    ------
    UnavailableError
        ClickHouse does not answer.
    """
    keys = {(event.source, event.id) for event in events}
    voided = {(event.source, event.voids) for event in events if event.voids is not None}
    asked = sorted(keys | voided)
    known: dict[Key, list[StoredRow]] = {}
    if asked:
        parameters = {
            "customer": customer,
            "sources": [source for source, _ in asked],
            "ids": [event_id for _, event_id in asked],
        }
        rows = [] if voided else [_row(each) for each in clickhouse.rows(_BRIEF, parameters)]
        if voided or any(row.finding for row in rows):
            rows = [_row(each) for each in clickhouse.rows(_FULL, parameters)]
        for row in rows:
            known.setdefault(row.key, []).append(row)
    return known


def columns_of(customer: str, recorded_at: datetime, row: StoredRow) -> Sequence[object]:
    """Return the row as COLUMNS has it."""
    return (
        customer,
        row.meter,
        micros(row.counted_at),
        row.quantity,
        row.reading.value,
        row.reading.distinct,
        list(row.reading.groups),
        micros(row.time),
        micros(recorded_at),
        *row.key,
        row.digest,
        row.voids,
        row.finding,
    )


def finding_of(row: StoredRow) -> Mapping[str, object]:
    """Return what is found of the row, as settle_usage takes it."""
    source, event_id = row.key
    detail: dict[str, object] = {
        "source": source,
        "id": event_id,
        "time": row.time.isoformat(),
        "value": None if row.reading.value is None else str(row.reading.value),
        "distinct": row.reading.distinct,
    }
    if row.finding == VOID_AFTER_CLOSE:
        detail["voids"] = row.voids
    return {"meter": row.meter, "kind": row.finding, "detail": detail}


def _row(columns: Sequence[Any]) -> StoredRow:
    source, event_id, digest, meter, counted_at, quantity, voids, finding, *more = columns
    at = from_micros(counted_at)
    time, value, distinct, groups = more or (counted_at, None, None, ())
    return StoredRow(
        key=(source, event_id),
        digest=bytes.fromhex(digest),
        meter=meter,
        counted_at=at,
        quantity=quantity,
        voids=voids,
        time=from_micros(time),
        reading=Reading(meter, None if value is None else Decimal(value), distinct, tuple(groups)),
        finding=finding,
    )
