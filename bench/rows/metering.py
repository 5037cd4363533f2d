"""Row g: usage kept and read by the store and by the functions, beside one plain table of events."""

from __future__ import annotations

import json
from contextlib import contextmanager
from copy import replace
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from itertools import count
from statistics import median
from typing import TYPE_CHECKING

from bench.function import running, sample
from bench.harness import Result, Target, interleaved, once, timed
from bench.secrets_stub import running_secrets
from bench.start_files import ENVIRONMENT
from bench.usage_world import METERS, fill
from bench.world import API, running_postgres
from billing.adapters.postgres.connection import Database, connect
from billing.adapters.postgres.usage import PostgresUsageStore
from billing.domain.usage import MOST_EVENTS, Reading, Recorded, UsageEvent
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


@dataclass(frozen=True, slots=True)
class _Filled:
    """A database with so many events, the connection of its owner, and the period that customers are in."""

    events: int
    world: World
    owner: Connection
    period: Period


def measure(run: Run) -> Iterator[Result]:
    """Yield reads and writes with 5,000,000 events of 1,000 customers, and reads with a tenth of them."""
    now = datetime.now(UTC).replace(microsecond=0)
    with (
        _filled(run, run.size(500_000, 20_000), now) as few,
        _filled(run, run.size(5_000_000, 40_000), now) as many,
    ):
        yield from _reads(run, few, many)
        for filled in (few, many):
            yield _handler(run, filled)
        yield from _writes(run, many, now)


@contextmanager
def _filled(run: Run, events: int, now: datetime) -> Iterator[_Filled]:
    with (
        running_postgres(run, f"postgres-{events}") as world,
        connect(world.settings, world.logins[OWNER]) as owner,
    ):
        run.say(f"{events:,} events")
        yield _Filled(events, world, owner, fill(owner, events, now))


def _reads(run: Run, few: _Filled, many: _Filled) -> Iterator[Result]:
    """Yield both sizes in the same rounds: the larger one is compared with the smaller one, too."""
    with (
        Database(few.world.settings, lambda _: few.world.logins[API]) as at_few,
        Database(many.world.settings, lambda _: many.world.logins[API]) as at_many,
    ):
        times = run.size(20, 1)
        taken = interleaved(
            run.size(30, 2),
            {
                name: timed(work, times)
                for filled, database in ((few, at_few), (many, at_many))
                for name, work in _questions(filled, PostgresUsageStore(database)).items()
            },
        )
    for filled in (few, many):
        yield Result(
            "g",
            _read_case(filled),
            "ms",
            taken[f"ours, {filled.events}"],
            taken[f"scan, {filled.events}"],
            "the same from the events by their index",
            Target("ratio", 0.15) if filled is many else None,
        )
    yield Result(
        "g",
        _read_case(many),
        "ms",
        taken[f"ours, {many.events}"],
        taken[f"ours, {few.events}"],
        f"ours with {few.events:,}",
        Target("ratio", 1.5),
    )


def _questions(filled: _Filled, store: PostgresUsageStore) -> dict[str, Callable[[], object]]:
    """Return our read and the scan, once they have given the same answer."""
    asked = {
        "customer": _CUSTOMER,
        "meters": list(METERS),
        "start": filled.period.start,
        "end": filled.period.end,
    }
    spans = dict.fromkeys(METERS, filled.period)
    scanned = {row["meter"]: row for row in filled.owner.execute(_SCAN, asked)}
    expected = {
        "api_calls": scanned["api_calls"]["sum"],
        "requests": scanned["requests"]["count"],
        "storage": scanned["storage"]["max"],
    }
    if store.used(_CUSTOMER, spans) != expected:
        raise RuntimeError("the rollups are not the sum of the events")
    return {
        f"ours, {filled.events}": lambda: store.used(_CUSTOMER, spans),
        f"scan, {filled.events}": lambda: filled.owner.execute(_SCAN, asked).fetchall(),
    }


def _read_case(filled: _Filled) -> str:
    return f"usage of 3 meters in 30 days, {filled.events:,} events, p50"


def _handler(run: Run, filled: _Filled) -> Result:
    event = sample(run.project, "get_current_usage")
    event["requestContext"]["authorizer"]["lambda"]["customer"] = _CUSTOMER
    event["rawQueryString"] = ""
    with (
        running_secrets(_secret(filled.world)) as endpoint,
        running(run.project, "get_current_usage", _environment(filled.world, endpoint)) as function,
    ):
        each = [function.milliseconds(event, 200) for _ in range(run.size(300, 3))]
    case = f"get_current_usage, {filled.events:,} events, p50"
    return Result("g", case, "ms", median(each), None, "", Target("absolute", 5))


def _writes(run: Run, filled: _Filled, now: datetime) -> Iterator[Result]:
    size, numbers, world = run.size(MOST_EVENTS, 20), count(1), filled.world
    with (
        Database(world.settings, lambda _: world.logins[API]) as database,
        running_secrets(_secret(world)) as endpoint,
        running(run.project, "ingest_usage", _environment(world, endpoint)) as function,
    ):
        store = PostgresUsageStore(database)
        template = sample(run.project, "ingest_usage")
        template["requestContext"]["authorizer"]["lambda"]["customer"] = _CUSTOMER
        template["headers"] = {**template["headers"], "content-type": "application/cloudevents-batch+json"}

        def kept(customer: str, batch: Sequence[UsageEvent]) -> Sequence[Recorded]:
            return store.record(customer, batch, now, (), lambda _: ())

        def ours() -> float:
            batch = _batch(next(numbers), size, now)
            return once(lambda: kept(_CUSTOMER, batch))

        def bare() -> float:
            batch = _batch(next(numbers), size, now)
            return once(lambda: filled.owner.execute(_BARE_INSERT, _columns(batch, now)))

        def replaced() -> float:
            # Each time another customer: a day is added up anew, and this one's gets more and more events.
            customer, batch = f"cus_{10 + next(numbers)}", _batch(next(numbers), size, now)
            kept(customer, batch)
            others = [replace(each, id=f"{each.id}r", voids=each.id) for each in batch]
            taken = once(lambda: kept(customer, others))
            if set(kept(customer, others)) != {Recorded.DUPLICATE}:
                raise RuntimeError("not every event was replaced")
            return taken

        def handler() -> float:
            batch = _batch(next(numbers), size, now)
            request = {**template, "isBase64Encoded": False, "body": json.dumps([_cloud(e) for e in batch])}
            return function.milliseconds(request, 200)

        work = {"ours": ours, "bare": bare, "replaced": replaced, "handler": handler}
        for warm in work.values():
            warm()
        taken = interleaved(run.size(40, 2), work)
    there = f"with {filled.events:,} there"
    bare_insert = "INSERT … SELECT unnest … ON CONFLICT DO NOTHING into one table"
    for name, case, floor, floor_is in (
        ("ours", "kept", "bare", bare_insert),
        ("handler", "from the request's body to the answer", "bare", bare_insert),
        ("replaced", "replaced by one request", "ours", "ours, as many new ones"),
    ):
        yield Result(
            "g",
            f"{size:,} events {case}, {there}",
            "ms",
            taken[name],
            taken[floor],
            floor_is,
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
