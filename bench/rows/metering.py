"""Row g: usage kept and read by the store and by the functions, beside one plain table of events."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from itertools import count
from statistics import median
from typing import TYPE_CHECKING

from bench.function import running, sample
from bench.harness import Result, Target, interleaved
from bench.secrets_stub import running_secrets
from bench.start_files import ENVIRONMENT
from bench.usage_world import METERS, fill
from bench.world import API, running_postgres
from billing.adapters.postgres.connection import Database, connect
from billing.adapters.postgres.usage import PostgresUsageStore
from billing.domain.usage import MOST_EVENTS, Reading, UsageEvent
from local.postgres import OWNER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench.harness import Run
    from bench.world import World
    from billing.adapters.postgres.connection import Connection
    from billing.domain.periods import Period

_CUSTOMER = "cus_7"
_SOURCE = "https://api.example.com/gateway"
_SCAN = """
SELECT meter, sum(value) AS sum, count(*) AS count, max(value) AS max
FROM bare_events
WHERE customer = %(customer)s AND meter = ANY (%(meters)s)
    AND counted_at >= %(start)s AND counted_at < %(end)s
GROUP BY meter"""
_BARE_INSERT = """
INSERT INTO bare_events (
    customer, meter, counted_at, quantity, value, groups, time, recorded_at, source, id
)
SELECT %(customer)s, e.meter, e.at, 1, e.value, '[]', e.at, %(now)s, %(source)s, e.id
FROM unnest(%(meters)s::text[], %(times)s::timestamptz[], %(values)s::numeric[], %(ids)s::text[])
    AS e (meter, at, value, id)
ON CONFLICT DO NOTHING"""


def measure(run: Run) -> Iterator[Result]:
    """Yield reads and writes with 5,000,000 events of 1,000 customers, and reads with a tenth of them."""
    for events in (run.size(500_000, 20_000), run.size(5_000_000, 40_000)):
        with running_postgres(run) as world, connect(world.settings, world.logins[OWNER]) as owner:
            run.say(f"{events:,} events")
            now = datetime.now(UTC).replace(microsecond=0)
            period = fill(owner, events, now)
            yield from _reads(run, world, owner, period, events)
            if events == run.size(5_000_000, 40_000):
                yield from _writes(run, world, owner, now)


def _reads(run: Run, world: World, owner: Connection, period: Period, events: int) -> Iterator[Result]:
    asked = {"customer": _CUSTOMER, "meters": list(METERS), "start": period.start, "end": period.end}
    spans = dict.fromkeys(METERS, period)
    with Database(world.settings, lambda _: world.logins[API]) as database:
        store = PostgresUsageStore(database)
        scanned = {row["meter"]: row for row in owner.execute(_SCAN, asked)}
        expected = {
            "api_calls": scanned["api_calls"]["sum"],
            "requests": scanned["requests"]["count"],
            "storage": scanned["storage"]["max"],
        }
        if store.used(_CUSTOMER, spans) != expected:
            raise RuntimeError("the rollups are not the sum of the events")
        taken = interleaved(
            run.size(30, 2),
            {
                "ours": _timed(lambda: store.used(_CUSTOMER, spans), run.size(20, 1)),
                "floor": _timed(lambda: owner.execute(_SCAN, asked).fetchall(), run.size(20, 1)),
            },
        )
    yield Result(
        "g",
        f"usage of 3 meters in 30 days, {events:,} events, p50",
        "ms",
        taken["ours"],
        taken["floor"],
        "the same from the events by their index",
        Target("ratio", 0.15),
    )
    event = sample(run.project, "get_current_usage")
    event["requestContext"]["authorizer"]["lambda"]["customer"] = _CUSTOMER
    event["rawQueryString"] = ""
    with running_secrets(_secret(world)) as endpoint, running(
        run.project, "get_current_usage", _environment(world, endpoint)
    ) as function:  # fmt: skip
        each = [function.milliseconds(event, 200) for _ in range(run.size(300, 3))]
    yield Result(
        "g",
        f"get_current_usage, {events:,} events, p50",
        "ms",
        median(each),
        None,
        "",
        Target("absolute", 5),
    )


def _writes(run: Run, world: World, owner: Connection, now: datetime) -> Iterator[Result]:
    size, numbers = run.size(MOST_EVENTS, 20), count(1)
    with (
        Database(world.settings, lambda _: world.logins[API]) as database,
        running_secrets(_secret(world)) as endpoint,
        running(run.project, "ingest_usage", _environment(world, endpoint)) as function,
    ):
        store = PostgresUsageStore(database)
        template = sample(run.project, "ingest_usage")
        template["requestContext"]["authorizer"]["lambda"]["customer"] = _CUSTOMER
        template["headers"] = {**template["headers"], "content-type": "application/cloudevents-batch+json"}

        def ours() -> float:
            batch = _batch(next(numbers), size, now)
            return _once(lambda: store.record(_CUSTOMER, batch, now, {}, lambda _: ()))

        def bare() -> float:
            batch = _batch(next(numbers), size, now)
            return _once(lambda: owner.execute(_BARE_INSERT, _columns(batch, now)))

        def handler() -> float:
            batch = _batch(next(numbers), size, now)
            request = {**template, "isBase64Encoded": False, "body": json.dumps([_cloud(e) for e in batch])}
            return function.milliseconds(request, 200)

        for warm in (ours, bare, handler):
            warm()
        taken = interleaved(run.size(40, 2), {"ours": ours, "bare": bare, "handler": handler})
    for name, case in (("ours", "kept"), ("handler", "from the request's body to the answer")):
        yield Result(
            "g",
            f"{size:,} events {case}, with 5,000,000 there"
            if size == MOST_EVENTS
            else f"{size} events {case}",
            "ms",
            taken[name],
            taken["bare"],
            "INSERT … SELECT unnest … ON CONFLICT DO NOTHING into one table",
            Target("ratio", 2) if name == "ours" else None,
        )


def _batch(number: int, size: int, now: datetime) -> Sequence[UsageEvent]:
    events = []
    for place in range(size):
        name = f"{number:06d}-{place:04d}"
        at = now - timedelta(seconds=place)
        digest = blake2b(name.encode(), digest_size=16).digest()
        reading = Reading(METERS[place % len(METERS)], Decimal(place % 97))
        events.append(UsageEvent(_SOURCE, name, at, digest, (reading,)))
    return events


def _columns(batch: Sequence[UsageEvent], now: datetime) -> dict[str, object]:
    """Return the columns as texts, as the store sends them: psycopg's lists would slow the floor down."""
    columns = {
        "ids": [event.id for event in batch],
        "times": [event.time.isoformat() for event in batch],
        "meters": [event.readings[0].meter for event in batch],
        "values": [str(event.readings[0].value) for event in batch],
    }
    written = {name: f"{{{','.join(values)}}}" for name, values in columns.items()}
    return {"customer": _CUSTOMER, "source": _SOURCE, "now": now, **written}


def _cloud(event: UsageEvent) -> dict[str, object]:
    return {
        "specversion": "1.0",
        "id": event.id,
        "source": event.source,
        "type": event.readings[0].meter,
        "time": event.time.isoformat(),
        "data": {"value": int(event.readings[0].value or 0)},
    }


def _secret(world: World) -> dict[str, str]:
    login = world.logins[API]
    return {"username": login.username, "password": login.password}


def _environment(world: World, endpoint: str) -> dict[str, str]:
    place = {"DATABASE_HOST": world.settings.host, "DATABASE_PORT": str(world.settings.port)}
    return {**ENVIRONMENT, **place, "AWS_ENDPOINT_URL": endpoint}


def _once(work: Callable[[], object]) -> float:
    began = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - began) / 1e6


def _timed(work: Callable[[], object], times: int) -> Callable[[], float]:
    return lambda: median(_once(work) for _ in range(times))
