"""One process with ClickHouse's engine inside, filled with usage, that says how long an answer takes.

A process of its own, because the engine (chdb) takes one folder a process.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from bench.harness import interleaved, timed
from bench.usage_world import CUSTOMERS, DAYS, METERS
from billing.adapters.clickhouse.engine import ClickHouse
from billing.adapters.clickhouse.questions import micros
from billing.adapters.clickhouse.usage import ClickHouseUsageStore
from billing.adapters.postgres.connection import Database
from billing.domain.periods import Period

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

    from billing.adapters.postgres.connection import Credentials
    from billing.settings import DatabaseSettings

_CUSTOMER, _AFTER_A_VOID = "cus_0007", "cus_0008"
_MONTH = timedelta(days=30)

# In the order of the table, by customer, meter and time, which is where merging gets to: it takes minutes for
# events in the order of time, and nothing of it is measured.
_EVENTS = """
INSERT INTO usage_events (
    customer, meter, counted_at, quantity, value, groups, time, recorded_at, source, id, digest
)
SELECT 'cus_' || leftPad(toString(intDiv(number, {own:UInt64})), 4, '0'),
    {meters:Array(String)}[1 + intDiv(number % {own:UInt64}, {each:UInt64})],
    fromUnixTimestamp64Micro(
        {since:Int64} + toInt64(number % {own:UInt64} % {each:UInt64} * {step:UInt64})
    ) AS at,
    1, number % 97, [], at, at, 'https://api.example.com/gateway',
    'filled-' || leftPad(toString(number), 12, '0') AS name, MD5(name)
FROM numbers({events:UInt64})"""

# What takes the customer's first reading of a maximum in the period back.
_VOID = """
INSERT INTO usage_events (
    customer, meter, counted_at, quantity, value, groups, time, recorded_at, source, id, digest, voids
)
SELECT customer, meter, counted_at, -1, value, groups, time, recorded_at, source, 'void', MD5('void'), id
FROM usage_events
WHERE customer = {customer:String} AND meter = 'storage'
    AND counted_at >= fromUnixTimestamp64Micro({start:Int64})
ORDER BY counted_at LIMIT 1"""

_BARE = """
SELECT meter, sum(value), count(), max(value) FROM usage_events
WHERE customer = {customer:String} AND meter IN {meters:Array(String)}
    AND counted_at >= fromUnixTimestamp64Micro({start:Int64})
    AND counted_at < fromUnixTimestamp64Micro({end:Int64})
GROUP BY meter"""


@dataclass(frozen=True, slots=True)
class Answered:
    """Milliseconds, medians: our answer, the bare SQL's, and ours where an event was taken back."""

    ours: float
    bare: float
    after_a_void: float


def answered(
    folder: Path,
    settings: DatabaseSettings,
    credentials: Credentials,
    *,
    events: int,
    rounds: int,
    times: int,
) -> Answered:
    """Return how long it takes to tell a customer's usage, with so many events of all customers there.

    Raises
    ------
    RuntimeError
        The store's answer is not the sum of the events.
    """
    import clickhouse_connect  # noqa: PLC0415 - a second that no other row needs to wait

    now = datetime.now(UTC).replace(microsecond=0)
    span = Period(now - _MONTH, now + timedelta(hours=1))
    spans = dict.fromkeys(METERS, span)
    asked = {"meters": list(METERS), "start": micros(span.start), "end": micros(span.end)}
    client = clickhouse_connect.get_client(interface="chdb", path=str(folder))
    try:
        with Database(settings, lambda _: credentials) as database:
            store = ClickHouseUsageStore(database, ClickHouse(lambda: client))
            store.used(_CUSTOMER, spans)  # makes the table
            _fill(client, events, now)
            bare = {**asked, "customer": _CUSTOMER}
            if store.used(_CUSTOMER, spans) != _added_up(client, bare):
                raise RuntimeError("what the store tells is not the sum of the events")
            client.command(_VOID, parameters={**asked, "customer": _AFTER_A_VOID})
            taken = interleaved(
                rounds,
                {
                    "ours": timed(lambda: store.used(_CUSTOMER, spans), times),
                    "bare": timed(lambda: client.query(_BARE, parameters=bare).result_rows, times),
                    "after a void": timed(lambda: store.used(_AFTER_A_VOID, spans), times),
                },
            )
    finally:
        client.close()
    return Answered(taken["ours"], taken["bare"], taken["after a void"])


def _fill(client: Client, events: int, now: datetime) -> None:
    own = events // CUSTOMERS
    each = -(-own // len(METERS))
    client.command(
        _EVENTS,
        parameters={
            "own": own,
            "each": each,
            "meters": list(METERS),
            "since": micros(now - timedelta(days=DAYS)),
            "step": timedelta(days=DAYS) // timedelta(microseconds=1) // each,
            "events": own * CUSTOMERS,
        },
    )
    # As one part, so that no merge in the background is measured.
    client.command("OPTIMIZE TABLE usage_events FINAL")


def _added_up(client: Client, asked: Mapping[str, object]) -> Mapping[str, Decimal]:
    rows = {
        meter: quantities for meter, *quantities in client.query(_BARE, parameters=dict(asked)).result_rows
    }
    return {
        "api_calls": rows["api_calls"][0],
        "requests": Decimal(rows["requests"][1]),
        "storage": rows["storage"][2],
    }
