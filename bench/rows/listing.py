"""Row b: a page of invoices by the function, beside the bare SQL."""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING

from bench.function import running, sample
from bench.harness import Result, Target, interleaved
from bench.secrets_stub import running_secrets
from bench.start_files import ENVIRONMENT
from bench.world import API, running_postgres
from billing.adapters.postgres.connection import connect
from local.postgres import OWNER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.harness import Run
    from bench.world import World

_CUSTOMER = "cus_0"  # who has every tenth invoice
_FILL = """
INSERT INTO invoices (
    id, livemode, created, customer, number, status, currency, collection_method, customer_tax_ids, subtotal,
    total, amount_due, amount_paid, amount_remaining, starting_balance, period_start, period_end, discounts,
    taxes, as_of
)
SELECT 'in_' || lpad(n::text, 24, '0'), true, at,
    'cus_' || CASE WHEN mod(n, 10) = 0 THEN 0 ELSE mod(n, 1000) END,
    'BENCH-' || n, CASE WHEN mod(n, 7) = 0 THEN 'open' ELSE 'paid' END, 'eur', 'charge_automatically', '[]',
    1000, 1190, 1190, 1190, 0, 0, at - interval '30 days', at, '[]', '[]', at
FROM generate_series(%(first)s::int, %(last)s::int) AS n,
    LATERAL (SELECT timestamptz '2020-01-01' + n * interval '1 minute' AS at) AS moment"""
_PAGE = """
SELECT id, number, status, currency, total, amount_due, amount_paid, period_start, period_end, created,
    due_date
FROM invoices
WHERE customer = %(customer)s AND deleted_at IS NULL
ORDER BY created DESC, id DESC
LIMIT 21"""


def measure(run: Run) -> Iterator[Result]:
    """Yield the first page of 20 with 100,000 invoices, and with ten times as many where asked for."""
    sizes = [run.size(100_000, 1_000), *([1_000_000] if run.million else [])]
    filled = 0
    with running_postgres(run) as world:
        for size in sizes:
            run.say(f"{size:,} invoices")
            with connect(world.settings, world.logins[OWNER]) as owner:
                owner.execute(_FILL, {"first": filled + 1, "last": size})
                owner.execute("VACUUM ANALYZE invoices")
            filled = size
            yield _page(run, world, size)


def _page(run: Run, world: World, size: int) -> Result:
    login = world.logins[API]
    secret = {"username": login.username, "password": login.password}
    event = {**sample(run.project, "list_invoices"), "rawQueryString": "limit=20"}
    event["requestContext"]["authorizer"]["lambda"]["customer"] = _CUSTOMER
    place = {"DATABASE_HOST": world.settings.host, "DATABASE_PORT": str(world.settings.port)}
    with (
        running_secrets(secret) as endpoint,
        connect(world.settings, world.logins[OWNER]) as bare,
        running(
            run.project, "list_invoices", {**ENVIRONMENT, **place, "AWS_ENDPOINT_URL": endpoint}
        ) as function,
    ):

        def floor() -> float:
            began = time.perf_counter_ns()
            rows = bare.execute(_PAGE, {"customer": _CUSTOMER}).fetchall()
            taken = (time.perf_counter_ns() - began) / 1e6
            if len(rows) != 21:  # noqa: PLR2004 - the limit in the statement
                raise RuntimeError("the bare statement found no full page")
            return taken

        def ours() -> float:
            return function.milliseconds(event, 200)

        for _ in range(run.size(30, 1)):
            ours()
            floor()
        each = run.size(40, 1)
        taken = interleaved(run.size(15, 1), {"ours": _median(ours, each), "floor": _median(floor, each)})
    return Result(
        "b",
        f"list_invoices, 20 of {size:,}, p50",
        "ms",
        taken["ours"],
        taken["floor"],
        "the page's SELECT by psycopg, as the owner, on an open connection",
        Target("over", 3),
    )


def _median(work: Callable[[], float], times: int) -> Callable[[], float]:
    return lambda: median(work() for _ in range(times))
