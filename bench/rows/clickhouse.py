"""Row h: current usage from ClickHouse, beside the bare SQL that answers the same from the same table."""

from __future__ import annotations

import multiprocessing
import shutil
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

from bench.clickhouse_client import answered
from bench.harness import Result, Target
from bench.usage_world import define_meters
from bench.world import API, running_postgres
from billing.adapters.postgres.connection import connect
from local.postgres import OWNER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.clickhouse_client import Answered
    from bench.harness import Run


def measure(run: Run) -> Iterator[Result]:
    """Yield what the store's answer takes with 50,000,000 events, without a void and with one."""
    events = run.size(50_000_000, 20_000)
    run.say(f"{events:,} events into ClickHouse's engine")
    done = _answered(run, events)
    case = f"usage of 3 meters in 30 days, {events:,} events, p50"
    bare = "one SELECT … GROUP BY meter by the same client"
    yield Result("h", case, "ms", done.ours, done.bare, bare, Target("ratio", 2))
    yield Result("h", f"{case}, a maximum voided", "ms", done.after_a_void, done.bare, bare)


def _answered(run: Run, events: int) -> Answered:
    folder = run.scratch / "clickhouse"
    try:
        with (
            running_postgres(run) as world,
            ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool,
        ):
            with connect(world.settings, world.logins[OWNER]) as owner:
                define_meters(owner)
            job = pool.submit(
                answered,
                folder,
                world.settings,
                world.logins[API],
                events=events,
                rounds=run.size(30, 2),
                times=run.size(10, 1),
            )
            return job.result()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
