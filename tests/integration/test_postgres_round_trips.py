"""How often the server is waited for: once, whatever is asked."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import psycopg
import pytest

from billing.adapters.postgres import connection as connection_module
from billing.adapters.postgres.connection import Statement
from billing.adapters.postgres.identities import PostgresIdentities
from billing.adapters.postgres.invoice_pages import PostgresInvoicePages
from billing.adapters.postgres.invoices import PostgresInvoiceReader
from billing.adapters.postgres.mirror import PostgresMirror
from billing.adapters.postgres.usage import PostgresUsageMeters, PostgresUsageStore
from billing.adapters.postgres.usage_terms import PostgresUsageTerms
from billing.domain.invoice_pages import InvoiceQuery
from billing.domain.mirror import ObjectKind, Observation, Outcome
from billing.domain.periods import Period
from billing.domain.usage_events import Number, SentEvent
from billing.use_cases.recent_meters import RecentMeters
from billing.use_cases.record_usage import RecordUsage
from tests.fakes.objects import SECOND, T0, a_line, an_event, an_invoice
from tests.support.usage_account import CATALOGUE, NOW, subscription

if TYPE_CHECKING:
    from collections.abc import Callable

    from billing.adapters.postgres.connection import Connection, Credentials, Database
    from billing.settings import DatabaseSettings

PID = Statement("SELECT pg_backend_pid() AS pid")
SEEN = Observation(an_invoice(), T0)
LATER, EARLIER = Observation(an_invoice(), T0 + SECOND), Observation(an_invoice(), T0 - SECOND)
EVENT = an_event("evt_1", an_invoice())


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda d: PostgresMirror(d).apply(EVENT, LATER), id="apply, applied"),
        pytest.param(lambda d: PostgresMirror(d).apply(EVENT, EARLIER), id="apply, stale"),
        pytest.param(
            lambda d: PostgresMirror(d).apply(an_event("evt_s", an_invoice(), after=-9), SEEN),
            id="apply, tie",
        ),
        pytest.param(lambda d: PostgresMirror(d).settle(EVENT, SEEN, None), id="settle"),
        pytest.param(lambda d: PostgresMirror(d).record(EVENT, Outcome.IGNORED, None), id="record"),
        pytest.param(lambda d: PostgresMirror(d).standing(ObjectKind.INVOICE, "in_1"), id="standing"),
    ],
)
def test_worker_makes_one_round_trip(
    worker_database: Database, monkeypatch: pytest.MonkeyPatch, call: Callable[[Database], object]
) -> None:
    """Given an open connection, when the mirror is asked or told, then the server is waited for once."""
    PostgresMirror(worker_database).apply(an_event("evt_0", an_invoice()), SEEN)
    worker_database.close()
    assert round_trips(worker_database, monkeypatch, call) == 1


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda d: PostgresInvoicePages(d).page("cus_1", InvoiceQuery()), id="page"),
        pytest.param(lambda d: PostgresInvoiceReader(d).get("cus_1", "in_1"), id="get"),
        pytest.param(lambda d: PostgresInvoiceReader(d).customer("cus_1"), id="customer"),
        pytest.param(lambda d: PostgresIdentities(d).by_api_key(b""), id="by_api_key"),
        pytest.param(lambda d: PostgresIdentities(d).by_subject("i", "s"), id="by_subject"),
    ],
)
def test_customer_makes_one_round_trip(
    api_database: Database,
    worker_database: Database,
    monkeypatch: pytest.MonkeyPatch,
    call: Callable[[Database], object],
) -> None:
    """Given an invoice of 300 lines, when a customer reads, then the server is waited for once."""
    whole = an_invoice(lines=tuple(a_line(number) for number in range(300)))
    PostgresMirror(worker_database).apply(EVENT, Observation(whole, T0))
    assert round_trips(api_database, monkeypatch, call) == 1


def test_a_request_of_usage_makes_three_round_trips(
    api_database: Database, worker_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given known meters, when events cross thresholds, then the server is waited for thrice."""
    mirror = PostgresMirror(worker_database)
    for state in (*CATALOGUE, subscription()):
        mirror.apply(an_event(f"evt_{state.id}", state), Observation(state, T0 + SECOND))
    meters = RecentMeters(PostgresUsageMeters(api_database), lambda: NOW)
    meters.all()
    api_database.close()
    events = [
        SentEvent("/app", f"e{n}", "api_calls", NOW, {"value": Number("3")}, None, bytes(16))
        for n in range(400)
    ]

    def record(database: Database) -> None:
        store, terms = PostgresUsageStore(database), PostgresUsageTerms(database)
        RecordUsage(meters, terms, store, lambda: NOW)("cus_1", events)

    assert round_trips(api_database, monkeypatch, record) == 3


def test_usage_is_read_by_one_message(
    api_database: Database, monkeypatch: pytest.MonkeyPatch, owner: Connection
) -> None:
    """Given periods of several meters, when what was used is read, then the server runs one statement."""
    names = [row["name"] for row in owner.execute("SELECT name FROM usage_meters")]
    spans = dict.fromkeys(names, Period(T0, T0 + SECOND))

    def read(database: Database) -> None:
        assert PostgresUsageStore(database).used("cus_1", spans) == dict.fromkeys(names, 0)

    assert messages(api_database, monkeypatch, read).count("Execute") == 1


def round_trips(
    database: Database, monkeypatch: pytest.MonkeyPatch, call: Callable[[Database], object]
) -> int:
    """Return how often libpq asked the server to answer: one Sync or Query a round trip."""
    asked = messages(database, monkeypatch, call)
    return len([each for each in asked if each in {"Sync", "Query"}])


def messages(
    database: Database, monkeypatch: pytest.MonkeyPatch, call: Callable[[Database], object]
) -> list[str]:
    """Return what libpq sent, by its own trace; each Sync and Query was answered."""
    opened: list[Connection] = []
    connect = connection_module.connect

    def kept(
        settings: DatabaseSettings, credentials: Credentials, *, application_name: str = "billing"
    ) -> Connection:
        opened.append(connect(settings, credentials, application_name=application_name))
        return opened[-1]

    monkeypatch.setattr(connection_module, "connect", kept)
    database.query(PID)
    with tempfile.TemporaryFile("w+b") as file:
        opened[0].pgconn.trace(file.fileno())
        opened[0].pgconn.set_trace_flags(psycopg.pq.Trace.SUPPRESS_TIMESTAMPS)
        call(database)
        opened[0].pgconn.untrace()
        file.seek(0)
        lines = [line.split("\t") for line in file.read().decode().splitlines()]
    sent = [parts[2] for parts in lines if parts[0] == "F"]
    answered = [parts[2] for parts in lines if parts[0] == "B" and parts[2] == "ReadyForQuery"]
    assert len([each for each in sent if each in {"Sync", "Query"}]) == len(answered)
    return sent
