from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from billing.adapters.postgres.connection import Database, Statement
from billing.adapters.postgres.invoice_table import invoice_state
from billing.adapters.postgres.invoices import PostgresInvoiceReader
from billing.adapters.postgres.mirror import PostgresMirror
from billing.domain.errors import RefusedError
from billing.domain.mirror import Deletion, ObjectKind, Observation, Outcome, Verdict
from billing.domain.money import Money
from tests.fakes.objects import MONTH, SECOND, T0, a_customer, a_line, a_subscription, an_event, an_invoice

if TYPE_CHECKING:
    from billing.adapters.postgres.connection import Connection, Credentials
    from billing.settings import DatabaseSettings


def count(owner: Connection, text: str) -> int:
    row = owner.execute(text).fetchone()
    assert row is not None
    return int(row["n"])


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
