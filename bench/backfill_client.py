"""One process that backfills invoices as the function does, and says what that took."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from billing.adapters.postgres.backfills import PostgresBackfillLog
from billing.adapters.postgres.connection import Database
from billing.adapters.postgres.mirror import PostgresMirror
from billing.adapters.stripe.client import StripeConnection, Waiting
from billing.adapters.stripe.object_lists import StripeObjectLists
from billing.adapters.stripe.objects import StripeApi
from billing.adapters.stripe.pace import YieldingPace
from billing.domain.mirror import ObjectKind
from billing.entrypoints.collecting import rarely_collected
from billing.use_cases.backfill_stripe_objects import BackfillStripeObjects

if TYPE_CHECKING:
    from billing.adapters.postgres.connection import Credentials
    from billing.settings import DatabaseSettings


@dataclass(frozen=True, slots=True)
class Filled:
    """What one backfill did: calls to Stripe, seconds by the clock and of CPU, peak memory in bytes."""

    calls: int
    seconds: float
    cpu: float
    memory: int


def backfill(
    settings: DatabaseSettings, credentials: Credentials, stripe: str, *, pace: float, invoices: int
) -> Filled:
    """Return what it took to bring `invoices` invoices in, at `pace` calls a second at most.

    Raises
    ------
    AssertionError
        Not every invoice was written.
    """
    calls = 0
    wait = YieldingPace(pace)

    def paced() -> None:
        nonlocal calls
        wait()
        calls += 1

    connection = StripeConnection(
        lambda _: "sk_test_bench", stripe, pace=paced, refused=wait.refused, waiting=Waiting(patience=20.0)
    )
    with Database(settings, lambda _: credentials) as database:
        run = BackfillStripeObjects(
            StripeObjectLists(connection),
            StripeApi.over(connection),
            PostgresMirror(database),
            PostgresBackfillLog(database),
            kinds=(ObjectKind.INVOICE,),
            livemode=True,
        )
        # What is loaded at the first call is not what is measured.
        connection.get("/v1/invoices", {"limit": 1})
        calls = 0
        began, worked = time.monotonic(), time.process_time()
        with rarely_collected():
            done = run(lambda: True)
        seconds, cpu = time.monotonic() - began, time.process_time() - worked
    connection.close()
    written = sum(kind.written for kind in done.kinds)
    if not done.finished or written != invoices:
        raise AssertionError(f"{written} of {invoices} invoices were written")
    # VmHWM, because ru_maxrss begins with what the parent held.
    peak = re.search(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    if peak is None:
        raise AssertionError("the system does not tell the peak of memory")
    return Filled(calls, seconds, cpu, int(peak[1]) * 1024)
