"""Many workers at once on one PostgreSQL, each with a connection of its own."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

import pytest

from billing.adapters.postgres.connection import Database, Statement, connect
from billing.adapters.postgres.mirror import PostgresMirror
from billing.domain.errors import RefusedError
from billing.domain.mirror import Observation, Outcome, Verdict
from tests.fakes.objects import SECOND, T0, a_line, an_event, an_invoice

if TYPE_CHECKING:
    from collections.abc import Callable

    from billing.adapters.postgres.connection import Connection, Credentials
    from billing.settings import DatabaseSettings

WORKERS = 20


class InParallel(Protocol):
    """Runs a piece of work on many workers at once, each with a connection of its own."""

    def __call__(
        self, work: Callable[[PostgresMirror, int], Verdict], workers: int = WORKERS
    ) -> list[Verdict]:
        """Return what each worker's piece of work returned."""
        ...


@pytest.fixture
def in_parallel(database: DatabaseSettings, database_secrets: dict[str, Credentials]) -> InParallel:
    def run(work: Callable[[PostgresMirror, int], Verdict], workers: int = WORKERS) -> list[Verdict]:
        together = threading.Barrier(workers, timeout=60)

        def worker(number: int) -> Verdict:
            with Database(database, lambda _: database_secrets["billing_worker"]) as own:
                own.query(Statement("SELECT 1"))
                together.wait()
                return work(PostgresMirror(own), number)

        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(worker, range(workers)))

    return run


def count(owner: Connection, text: str) -> int:
    row = owner.execute(text).fetchone()
    assert row is not None
    return int(row["n"])


def test_one_event_on_a_hundred_workers_has_one_effect(in_parallel: InParallel, owner: Connection) -> None:
    """Given one event on a hundred connections at once, when all apply it, then it took effect once (6)."""
    seen = Observation(an_invoice(), T0)
    verdicts = in_parallel(lambda mirror, _: mirror.apply(an_event("evt_1", an_invoice()), seen), workers=100)
    assert sorted(verdicts) == [Verdict.APPLIED] + [Verdict.DUPLICATE] * 99
    assert count(owner, "SELECT count(*) AS n FROM stripe_webhook_events") == 1
    assert count(owner, "SELECT revision AS n FROM invoices") == 1


def test_twenty_events_of_a_new_object_end_in_the_newest(in_parallel: InParallel, owner: Connection) -> None:
    """Given twenty events of a new invoice at once, when applied, then the newest stands whole (7)."""

    def state(number: int) -> Observation:
        lines = tuple(a_line(n) for n in range(1, 1 + (WORKERS - number)))
        return Observation(an_invoice(number=str(number), lines=lines), T0 + number * SECOND)

    verdicts = in_parallel(lambda mirror, n: mirror.apply(an_event(f"evt_{n}", state(n).state), state(n)))
    assert set(verdicts) <= {Verdict.APPLIED, Verdict.STALE}
    assert count(owner, "SELECT number::integer AS n FROM invoices") == WORKERS - 1
    assert count(owner, "SELECT count(*) AS n FROM invoice_line_items") == 1
    assert count(owner, "SELECT count(*) AS n FROM stripe_webhook_events") == WORKERS
    assert count(owner, "SELECT revision AS n FROM invoices") == verdicts.count(Verdict.APPLIED)


def test_one_tie_on_twenty_workers_is_settled_once(in_parallel: InParallel, owner: Connection) -> None:
    """Given twenty events of one standing, when all settle it at once, then one wins and nineteen moved."""
    fetched = Observation(an_invoice(), T0 + SECOND)
    verdicts = in_parallel(lambda mirror, n: mirror.settle(an_event(f"evt_{n}", an_invoice()), fetched, None))
    assert sorted(verdicts) == [Verdict.APPLIED] + [Verdict.MOVED] * (WORKERS - 1)
    assert count(owner, "SELECT count(*) AS n FROM stripe_webhook_events") == 1


def test_event_both_recorded_and_applied_counts_once(in_parallel: InParallel, owner: Connection) -> None:
    """Given one event id both ignored and applied at once, when all are done, then one of them counted."""
    event = an_event("evt_1", an_invoice())

    def work(mirror: PostgresMirror, number: int) -> Verdict:
        if number % 2:
            return mirror.record(event, Outcome.IGNORED, None)
        return mirror.apply(event, Observation(an_invoice(), T0))

    verdicts = in_parallel(work)
    assert sorted(verdicts) == [Verdict.APPLIED] + [Verdict.DUPLICATE] * (WORKERS - 1)
    applied = count(owner, "SELECT count(*) AS n FROM stripe_webhook_events WHERE outcome = 'applied'")
    assert count(owner, "SELECT count(*) AS n FROM invoices") == applied


def test_event_both_recorded_and_applied_in_a_batch_counts_once(
    in_parallel: InParallel, owner: Connection
) -> None:
    """Given batches whose event another worker records as ignored, when all are done, one of them counted."""
    states = [an_invoice(id=f"in_{n}") for n in range(5)]
    told = [(an_event(f"evt_{state.id}", state), Observation(state, T0)) for state in states]

    def work(mirror: PostgresMirror, number: int) -> Verdict:
        if number % 2:
            return mirror.record(told[number % 5][0], Outcome.IGNORED, None)
        try:
            return max(mirror.apply_all(told))
        except RefusedError:
            # As the use case does: each by itself.
            return max(mirror.apply(event, seen) for event, seen in told)

    in_parallel(work)
    assert count(owner, "SELECT count(*) AS n FROM stripe_webhook_events") == 5
    applied = count(owner, "SELECT count(*) AS n FROM stripe_webhook_events WHERE outcome = 'applied'")
    assert count(owner, "SELECT count(*) AS n FROM invoices") == applied
    assert count(owner, "SELECT count(*) AS n FROM invoices WHERE revision > 1") == 0


def test_batch_whose_event_ended_meanwhile_writes_nothing(
    database: DatabaseSettings,
    database_secrets: dict[str, Credentials],
    worker_database: Database,
    owner: Connection,
) -> None:
    """Given an event that another one ignores meanwhile, when its batch waited, then nothing is written."""
    states = [an_invoice(id=f"in_{n}") for n in range(2)]
    told = [(an_event(f"evt_{n}", state), Observation(state, T0)) for n, state in enumerate(states)]
    with (
        connect(database, database_secrets["billing_worker"]) as first,
        ThreadPoolExecutor(1) as pool,
    ):
        with first.transaction():
            first.execute(
                "INSERT INTO stripe_webhook_events (id, type, livemode, created, outcome)"
                " VALUES ('evt_1', 'invoice.paid', false, now(), 'ignored')"
            )
            waiting = pool.submit(PostgresMirror(worker_database).apply_all, told)
            while not count(owner, "SELECT count(*) AS n FROM pg_locks WHERE NOT granted"):
                assert not waiting.done()
        with pytest.raises(RefusedError):
            waiting.result()
    assert count(owner, "SELECT count(*) AS n FROM invoices") == 0
    assert count(owner, "SELECT count(*) AS n FROM stripe_webhook_events") == 1


def test_writer_that_waited_leaves_no_lines_behind(
    database: DatabaseSettings,
    database_secrets: dict[str, Credentials],
    worker_database: Database,
    owner: Connection,
) -> None:
    """Given a writer that waits for another's five lines, when it writes its three, then three are left."""
    an_event("evt_2", an_invoice())
    five = an_invoice(lines=tuple(a_line(n) for n in range(5)))
    three = Observation(an_invoice(lines=five.lines[:3]), T0 + SECOND)
    with (
        connect(database, database_secrets["billing_worker"]) as first,
        ThreadPoolExecutor(1) as pool,
    ):
        with first.transaction():
            first.execute("SELECT pg_advisory_xact_lock(hashtextextended('in_1', 0))")
            insert_by_hand(first, len(five.lines))
            waiting = pool.submit(
                PostgresMirror(worker_database).apply, an_event("evt_2", three.state), three
            )
            while not count(owner, "SELECT count(*) AS n FROM pg_locks WHERE NOT granted"):
                assert not waiting.done()
        assert waiting.result() is Verdict.APPLIED
    assert count(owner, "SELECT count(*) AS n FROM invoice_line_items") == 3


def insert_by_hand(connection: Connection, lines: int) -> None:
    """Insert an invoice with lines in small steps, as a transaction that takes its time."""
    connection.execute(
        "INSERT INTO invoices (id, livemode, created, customer, status, currency, collection_method,"
        " customer_tax_ids, subtotal, total, amount_due, amount_paid, amount_remaining, starting_balance,"
        " period_start, period_end, discounts, taxes, as_of)"
        " VALUES ('in_1', false, %(t)s, 'cus_1', 'open', 'eur', 'send_invoice', '[]', 0, 0, 0, 0, 0, 0,"
        " %(t)s, %(t)s, '[]', '[]', %(t)s)",
        {"t": T0},
    )
    connection.execute(
        "INSERT INTO invoice_line_items (invoice, position, customer, id, amount, currency, period_start,"
        " period_end, proration, discounts, taxes)"
        " SELECT 'in_1', n, 'cus_1', 'il_' || n, 0, 'eur', %(t)s, %(t)s, false, '[]', '[]'"
        " FROM generate_series(0, %(lines)s - 1) AS n",
        {"t": T0, "lines": lines},
    )


def test_batches_of_the_same_objects_do_not_block_each_other(
    in_parallel: InParallel, owner: Connection
) -> None:
    """Given twenty workers with ten invoices, each in an order of its own, then every event counts (8)."""
    states = [an_invoice(id=f"in_{n}") for n in range(10)]

    def work(mirror: PostgresMirror, number: int) -> Verdict:
        order = states[number % 10 :] + states[: number % 10]
        told = [
            (
                an_event(f"evt_{number}_{state.id}", state, after=number),
                Observation(state, T0 + number * SECOND),
            )
            for state in (reversed(order) if number % 2 else order)
        ]
        return max(mirror.apply_all(told))

    in_parallel(work)
    assert count(owner, "SELECT count(*) AS n FROM stripe_webhook_events") == WORKERS * 10
    newest = T0 + (WORKERS - 1) * SECOND
    row = owner.execute("SELECT count(*) AS n FROM invoices WHERE as_of = %s", [newest]).fetchone()
    assert row == {"n": 10}
