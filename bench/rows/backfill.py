"""Row f: a backfill of invoices from Stripe's stand-in, beside the calls that it may make."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.backfill_client import backfill
from bench.harness import Result, Target
from bench.standin import limit_calls, load_invoices, running_standin
from bench.world import WORKER, running_postgres
from billing.adapters.stripe.pace import SHARE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.backfill_client import Filled
    from bench.harness import Run
    from bench.world import World

_LIMIT = 25.0  # calls a second, what Stripe takes in test mode
_FLOOR = f"Stripe's limit: {_LIMIT:g} calls a second"
_TARGET = Target("ratio", 1.11)  # nine tenths of the calls


@dataclass(frozen=True, slots=True)
class _Case:
    name: str
    invoices: int
    lines: int


def measure(run: Run) -> Iterator[Result]:
    """Yield how long a call takes in all, its CPU, and the peak of memory, for short and long invoices."""
    cases = (
        _Case("invoices of 3 lines, 100 a call", run.size(100_000, 200), 3),
        # A payload embeds ten lines: the others are asked for.
        _Case("invoices of 12 lines, one by one", run.size(60, 3), 12),
    )
    for case in cases:
        run.say(f"backfill, {case.invoices:,} {case.name}")
        with running_postgres(run) as world, running_standin(run.project, run.scratch) as stripe:
            load_invoices(stripe, case.invoices, case.lines)
            limit_calls(stripe, _LIMIT)
            done = _filled(world, stripe, case)
        per_call = done.seconds / done.calls * 1000
        yield Result("f", f"{case.name}, a call", "ms", per_call, 1000 / _LIMIT, _FLOOR, _TARGET)
        yield Result("f", f"{case.name}, CPU of a call", "ms", done.cpu / done.calls * 1000, None, "")
        yield Result("f", f"{case.name}, calls", "an invoice", done.calls / case.invoices, None, "")
        yield Result(
            "f", f"{case.name}, peak memory", "MB", done.memory / 1e6, None, "", Target("absolute", 128)
        )


def _filled(world: World, stripe: str, case: _Case) -> Filled:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        job = pool.submit(
            backfill,
            world.settings,
            world.logins[WORKER],
            stripe,
            pace=_LIMIT * SHARE,
            invoices=case.invoices,
        )
        return job.result()
