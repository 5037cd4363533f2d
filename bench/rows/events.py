"""Row a: an invoice.paid, verified and applied in process, beside pgbench with the same writes."""

from __future__ import annotations

import itertools
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from statistics import median
from typing import TYPE_CHECKING

from bench.event_batches import BATCH, batches_and_singles
from bench.event_client import apply_events
from bench.harness import Result, Target, interleaved
from bench.pgbench import run_pgbench
from bench.world import WORKER, running_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.harness import Run
    from bench.world import World

_TARGET = Target("ratio", 1.6)
_FLOORS = {
    "simple": "pgbench, one statement with the same inserts",
    "prepared": "the same, prepared once per connection (no pooler allows that)",
}


def measure(run: Run) -> Iterator[Result]:
    """Yield p50 and events per second, of 1 client and of 8, each client a process of its own."""
    numbers = itertools.count(1)
    with running_postgres(run) as world:
        for clients in (1, 8):
            run.say(f"events, {clients} at once")
            yield from _with(run, world, clients, numbers)
    run.say("events, in batches")
    for of_one, of in ((1, "new invoices"), (3, "three changes an invoice")):
        batched, singly = batches_and_singles(run, run.size(150, 2), of_one=of_one)
        case = f"apply_stripe_events, batches of {BATCH}, {of}, per event"
        floor_is = "the same function, an event a call"
        yield Result("a", case, "ms", batched, singly, floor_is, Target("ratio", 0.5))


def _with(run: Run, world: World, clients: int, numbers: Iterator[int]) -> Iterator[Result]:
    rounds, each = run.size(5, 1), run.size(600 if clients == 1 else 150, 5)
    speeds: dict[str, list[float]] = {"ours": [], **{mode: [] for mode in _FLOORS}}

    def ours() -> float:
        latency, speed = applied(world, clients, each, numbers)
        speeds["ours"].append(speed)
        return latency

    def floor(mode: str) -> float:
        latency, speed = run_pgbench(
            world,
            run.scratch / "pgbench",
            clients=clients,
            transactions=each,
            number=next(numbers),
            mode=mode,
        )
        speeds[mode].append(speed)
        return latency

    work = {"ours": ours, "simple": lambda: floor("simple"), "prepared": lambda: floor("prepared")}
    p50 = interleaved(rounds, work)
    who = f"{clients} client{'s' if clients > 1 else ''}"
    for mode, floor_is in _FLOORS.items():
        target = _TARGET if mode == "simple" else None
        yield Result("a", f"invoice.paid, {who}, p50", "ms", p50["ours"], p50[mode], floor_is, target)
        per_second = median(speeds["ours"]), median(speeds[mode])
        yield Result("a", f"invoice.paid, {who}", "events/s", *per_second, floor_is)


def applied(world: World, clients: int, each: int, numbers: Iterator[int]) -> tuple[float, float]:
    """Return the median milliseconds of an event, and events per second of all clients."""
    context = multiprocessing.get_context("spawn")
    login = world.logins[WORKER]
    with context.Manager() as manager, ProcessPoolExecutor(clients, mp_context=context) as pool:
        start = manager.Barrier(clients)
        jobs = [
            pool.submit(apply_events, world.settings, login, next(numbers), each, start)  # type: ignore[arg-type] # a proxy of one
            for _ in range(clients)
        ]
        done = [job.result() for job in jobs]
    wall = max(one.ended for one in done) - min(one.began for one in done)
    return median(itertools.chain(*(one.milliseconds for one in done))), clients * each / wall
