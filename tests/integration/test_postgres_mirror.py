from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from billing.adapters.postgres.connection import Database, Statement, connect
from billing.adapters.postgres.invoice_table import invoice_state
from billing.adapters.postgres.invoices import PostgresInvoiceReader
from billing.adapters.postgres.mirror import PostgresMirror
from billing.domain.errors import RefusedError
from billing.domain.mirror import Deletion, ObjectKind, Observation, Outcome, Verdict
from billing.domain.money import Money
from tests.fakes.objects import MONTH, SECOND, T0, a_customer, a_line, a_subscription, an_event, an_invoice

if TYPE_CHECKING:
    from collections.abc import Callable

    from billing.adapters.postgres.connection import Connection, Credentials
    from billing.settings import DatabaseSettings

WORKERS = 20


@pytest.fixture
def in_parallel(
    database: DatabaseSettings, database_secrets: dict[str, Credentials]
) -> Callable[[Callable[[PostgresMirror, int], Verdict]], list[Verdict]]:
    """Return what runs a piece of work on many workers at once, each with a connection of its own."""

    def run(work: Callable[[PostgresMirror, int], Verdict]) -> list[Verdict]:
        together = threading.Barrier(WORKERS)

        def worker(number: int) -> Verdict:
            with Database(database, lambda _: database_secrets["billing_worker"]) as own:
                own.query(Statement("SELECT 1"))
                together.wait()
                return work(PostgresMirror(own), number)

        with ThreadPoolExecutor(WORKERS) as pool:
            return list(pool.map(worker, range(WORKERS)))

    return run


type InParallel = Callable[[Callable[[PostgresMirror, int], Verdict]], list[Verdict]]


def count(owner: Connection, text: str) -> int:
    row = owner.execute(text).fetchone()
    assert row is not None
    return int(row["n"])


def test_one_event_on_twenty_workers_has_one_effect(in_parallel: InParallel, owner: Connection) -> None:
    """Given one event on twenty workers at once, when all apply it, then it took effect once (6)."""
    seen = Observation(an_invoice(), T0)
    verdicts = in_parallel(lambda mirror, _: mirror.apply(an_event("evt_1", an_invoice()), seen))
    assert sorted(verdicts) == [Verdict.APPLIED] + [Verdict.DUPLICATE] * (WORKERS - 1)
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


def test_a_refused_state_leaves_nothing_of_its_batch(worker_database: Database, owner: Connection) -> None:
    """Given three states of which the database refuses one, when applied at once, then nothing is written."""
    mirror = PostgresMirror(worker_database)
    poison = an_invoice(id="in_2", description="\x00")
    states = [an_invoice(), poison, an_invoice(id="in_3")]
    with pytest.raises(RefusedError):
        mirror.apply_all(
            [(an_event(f"evt_{n}", state), Observation(state, T0)) for n, state in enumerate(states)]
        )
    assert count(owner, "SELECT count(*) AS n FROM invoices") == 0
    assert count(owner, "SELECT count(*) AS n FROM stripe_webhook_events") == 0
    assert mirror.apply(an_event("evt_0", states[0]), Observation(states[0], T0)) is Verdict.APPLIED


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


def test_unchanged_lines_are_not_rewritten(worker_database: Database, owner: Connection) -> None:
    """Given an invoice of 300 lines, when it is paid, then its lines keep their row versions."""
    mirror = PostgresMirror(worker_database)
    lines = tuple(a_line(n) for n in range(300))
    mirror.apply(an_event("evt_1", an_invoice(lines=lines)), Observation(an_invoice(lines=lines), T0))
    versions = "SELECT string_agg(xmin::text, ',' ORDER BY position) AS v FROM invoice_line_items"
    before = owner.execute(versions).fetchone()
    changed = (*lines[:299], a_line(299, description="another"))
    later = Observation(an_invoice(lines=changed), T0 + SECOND)
    mirror.apply(an_event("evt_2", later.state), later)
    after = owner.execute(versions).fetchone()
    assert before is not None
    assert after is not None
    assert before["v"].split(",")[:299] == after["v"].split(",")[:299]
    assert before != after


def test_subscription_is_kept_with_its_items(worker_database: Database, owner: Connection) -> None:
    """Given a subscription of two items, when it loses one, then its row and the one item are left."""
    mirror = PostgresMirror(worker_database)
    mirror.apply(an_event("evt_1", a_subscription()), Observation(a_subscription(), T0))
    later = Observation(a_subscription(items=a_subscription().items[:1]), T0 + SECOND)
    mirror.apply(an_event("evt_2", later.state), later)
    row = owner.execute("SELECT customer, status, start_date, trial_end FROM subscriptions").fetchone()
    assert row == {"customer": "cus_1", "status": "active", "start_date": T0, "trial_end": T0}
    items = owner.execute("SELECT * FROM subscription_items").fetchall()
    assert items == [
        {
            "subscription": "sub_1",
            "position": 0,
            "customer": "cus_1",
            "id": "si_1",
            "price": "price_1",
            "product": "prod_1",
            "quantity": Decimal(3),
            "period_start": MONTH.start,
            "period_end": MONTH.end,
        }
    ]


def test_deleted_customer_keeps_nothing_personal(worker_database: Database, owner: Connection) -> None:
    """Given a mirrored customer, when deleted at Stripe, then name, address and the like are gone too."""
    mirror = PostgresMirror(worker_database)
    mirror.apply(an_event("evt_1", a_customer()), Observation(a_customer(), T0))
    gone = Observation(Deletion(ObjectKind.CUSTOMER, "cus_1"), T0 + SECOND)
    mirror.apply(an_event("evt_2", gone.state, after=1), gone)
    row = owner.execute(
        "SELECT name, email, phone, description, address, deleted_at FROM customers"
    ).fetchone()
    assert row is not None
    assert row.pop("deleted_at") == T0 + SECOND
    assert set(row.values()) == {None}


def test_child_may_come_before_its_parent(worker_database: Database, api_database: Database) -> None:
    """Given neither customer nor subscription, when an invoice of both comes, then it is there (9)."""
    PostgresMirror(worker_database).apply(an_event("evt_1", an_invoice()), Observation(an_invoice(), T0))
    assert PostgresInvoiceReader(api_database).get("cus_1", "in_1") == an_invoice()


def test_quarantine_keeps_its_reason(worker_database: Database, owner: Connection) -> None:
    """Given an event that cannot be read, when recorded, then the inbox says what, when and why."""
    event = an_event("evt_1", an_invoice(), after=7)
    PostgresMirror(worker_database).record(event, Outcome.QUARANTINED, "invoice.lines: missing")
    row = owner.execute(
        "SELECT type, api_version, livemode, created, object_id, outcome, reason FROM stripe_webhook_events"
    ).fetchone()
    assert row == {
        "type": event.type,
        "api_version": event.api_version,
        "livemode": False,
        "created": T0 + 7 * SECOND,
        "object_id": "in_1",
        "outcome": "quarantined",
        "reason": "invoice.lines: missing",
    }


def test_mixed_currencies_are_refused_before_they_are_written() -> None:
    """Given an invoice in euro with a dollar amount, when written, then it fails and is not relabelled."""
    with pytest.raises(ValueError, match="a row in eur cannot keep money in usd"):
        invoice_state(an_invoice(total=Money(1, "usd")))


def test_any_session_timezone_reads_as_utc(
    worker_database: Database,
    database: DatabaseSettings,
    database_secrets: dict[str, Credentials],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Given a session whose timezone is not UTC, when an invoice is read, then its instants are UTC."""
    PostgresMirror(worker_database).apply(an_event("evt_1", an_invoice()), Observation(an_invoice(), T0))
    monkeypatch.setenv("PGTZ", "America/New_York")
    with Database(database, lambda _: database_secrets["billing_api"]) as elsewhere:
        shown = elsewhere.query(Statement("SELECT current_setting('timezone') AS zone"))
        assert shown == [{"zone": "America/New_York"}]
        invoice = PostgresInvoiceReader(elsewhere).get("cus_1", "in_1")
    assert invoice is not None
    assert invoice.created.utcoffset() == SECOND * 0
    assert invoice == an_invoice()
