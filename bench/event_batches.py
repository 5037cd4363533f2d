"""The function `apply_stripe_events` on one core, given a batch of events and one event at a time."""

from __future__ import annotations

import itertools
import json
import os
import time
from contextlib import contextmanager
from hashlib import sha256
from statistics import median
from typing import TYPE_CHECKING, Any

from bench.function import running
from bench.payloads import numbered, paid_event
from bench.secrets_stub import running_secrets
from bench.start_files import ENVIRONMENT
from bench.world import WORKER, running_postgres
from billing.adapters.postgres.connection import connect
from local.postgres import OWNER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.function import Function
    from bench.harness import Run
    from bench.world import World

BATCH = 10
"""What SQS hands a function at most, unless it waits for more."""

# What the event names, so that Stripe need not be asked.
_NAMES = """
INSERT INTO tax_rates (id, livemode, created, active, display_name, inclusive, as_of)
VALUES ('txr_1SBenchRate19', true, now(), true, 'VAT', false, now());
INSERT INTO coupons (id, livemode, created, duration, as_of)
VALUES ('bench', true, now(), 'forever', now());
INSERT INTO discounts (id, customer, coupon, start, as_of)
VALUES ('di_1SBenchDiscount0', 'cus_SBenchCustomer01', 'bench', now(), now())"""


def batches_and_singles(run: Run, rounds: int, *, of_one: int) -> tuple[float, float]:
    """Return the median milliseconds of an event in batches of ten, and by itself, in turns.

    `of_one` events after each other are of one invoice, each a second and a change later: 1 for invoices that
    nobody has seen before. The function and its database share one core. No idempotency records are kept:
    what DynamoDB would add is the same for both but for the waiting.

    Raises
    ------
    RuntimeError
        An event was not applied.
    """
    with _one_core(), running_postgres(run) as world, _function(run, world) as function:
        template = paid_event()
        numbers = itertools.count(1)

        def records(count: int) -> list[dict[str, Any]]:
            return [_record(_told(template, next(numbers), of_one)) for _ in range(count)]

        def together() -> float:
            return _milliseconds(function, [records(BATCH)])

        def singly() -> float:
            return _milliseconds(function, [[each] for each in records(BATCH)])

        for work in (together, singly):
            work()
        both = [(together(), singly()) for _ in range(rounds)]
        _check(world, (2 * rounds + 2) * BATCH)
        return median(one for one, _ in both), median(other for _, other in both)


def _told(template: str, number: int, of_one: int) -> bytes:
    """Return the event of this number."""
    body = numbered(template, f"{number // of_one:08x}")
    if of_one == 1:
        return body
    event = json.loads(body)
    event["id"] += f"x{number}"
    event["created"] += number % of_one
    event["data"]["object"]["description"] = f"change {number % of_one}"
    return json.dumps(event, indent=2).encode()


def _milliseconds(function: Function, invocations: Sequence[Sequence[dict[str, Any]]]) -> float:
    began = time.perf_counter_ns()
    answers = [function.answer({"Records": records}) for records in invocations]
    taken = (time.perf_counter_ns() - began) / 1e6 / BATCH
    if any(answer["batchItemFailures"] for answer in answers):
        raise RuntimeError("an event failed")
    return taken


def _check(world: World, events: int) -> None:
    with connect(world.settings, world.logins[OWNER]) as owner:
        found = owner.execute(
            "SELECT outcome, count(*) FROM stripe_webhook_events GROUP BY outcome"
        ).fetchall()
    if found != [{"outcome": "applied", "count": events}]:
        raise RuntimeError(f"of {events} events the inbox says {found}")


def _record(body: bytes) -> dict[str, Any]:
    return {
        "messageId": sha256(body).hexdigest(),
        "receiptHandle": "bench",
        "body": body.decode(),
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": f"{time.time() * 1000:.0f}"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:bench",
        "awsRegion": "eu-west-1",
    }


@contextmanager
def _function(run: Run, world: World) -> Iterator[Function]:
    login = world.logins[WORKER]
    secret = {"username": login.username, "password": login.password}
    place = {"DATABASE_HOST": world.settings.host, "DATABASE_PORT": str(world.settings.port)}
    with connect(world.settings, world.logins[OWNER]) as owner:
        owner.execute(_NAMES)
    with (
        running_secrets(secret) as endpoint,
        running(
            run.project,
            "apply_stripe_events",
            {**ENVIRONMENT, **place, "AWS_ENDPOINT_URL": endpoint, "IDEMPOTENCY_TABLE": ""},
        ) as function,
    ):
        yield function


@contextmanager
def _one_core() -> Iterator[None]:
    """Keep this process, and what it starts meanwhile, on one core; on both where Linux is not at hand."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
