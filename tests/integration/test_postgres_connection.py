from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

from billing.adapters.postgres import connection as connection_module
from billing.adapters.postgres.connection import Credentials, Database, Statement
from billing.adapters.postgres.identities import PostgresIdentities
from billing.adapters.postgres.invoice_pages import PostgresInvoicePages
from billing.adapters.postgres.invoices import PostgresInvoiceReader
from billing.adapters.postgres.mirror import PostgresMirror
from billing.domain.errors import UnavailableError
from billing.domain.invoice_pages import InvoiceQuery
from billing.domain.mirror import ObjectKind, Observation, Outcome, Verdict
from local.ports import any_free_port
from tests.fakes.objects import SECOND, T0, an_event, an_invoice
from tests.support.cutting_proxy import CuttingProxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from billing.adapters.postgres.connection import Connection
    from billing.settings import DatabaseSettings
    from local.postgres import PostgresServer

PID = Statement("SELECT pg_backend_pid() AS pid")
SEEN = Observation(an_invoice(), T0)
LATER, EARLIER = Observation(an_invoice(), T0 + SECOND), Observation(an_invoice(), T0 - SECOND)
EVENT = an_event("evt_1", an_invoice())


@pytest.fixture
def root(postgres_server: PostgresServer) -> Iterator[psycopg.Connection]:
    """Yield a superuser's connection."""
    with psycopg.connect(postgres_server.superuser_dsn, autocommit=True) as connection:
        yield connection


def kill_backends(root: psycopg.Connection, database: DatabaseSettings, role: str) -> int:
    """Kill the server's side of a role's connections, and wait until they are gone."""
    killed = root.execute(
        "SELECT pg_terminate_backend(pid, 5000) AS gone FROM pg_stat_activity"
        " WHERE datname = %s AND usename = %s",
        [database.name, role],
    ).fetchall()
    assert all(gone for (gone,) in killed)
    return len(killed)


def effects(owner: Connection) -> tuple[int, int]:
    """Return how many inbox rows there are, and how often the invoice was written."""
    row = owner.execute(
        "SELECT (SELECT count(*) FROM stripe_webhook_events) AS events,"
        " (SELECT coalesce(max(revision), 0) FROM invoices) AS writes"
    ).fetchone()
    assert row is not None
    return row["events"], row["writes"]


def test_connection_is_opened_on_first_use_and_kept(api_database: Database) -> None:
    """Given a new Database, when used twice, then both uses share one backend."""
    assert api_database.query(PID) == api_database.query(PID)


def test_making_a_database_connects_nowhere() -> None:
    """Given settings that lead nowhere, when a Database is made, then nothing is read or connected."""

    def never(refresh: bool) -> Credentials:
        raise AssertionError("credentials were read")

    Database(settings_nowhere(), never).close()


def test_killed_backend_is_replaced_between_calls(
    api_database: Database, root: psycopg.Connection, database: DatabaseSettings
) -> None:
    """Given a connection that died between two requests, when the second comes, then it succeeds (17)."""
    first = api_database.query(PID)
    assert kill_backends(root, database, "billing_api") == 1
    assert api_database.query(PID) != first
    kill_backends(root, database, "billing_api")
    assert api_database.read_as("cus_1", Statement("SELECT 1 AS one")) == [[{"one": 1}]]


def test_killed_backend_means_no_double_write(
    worker_database: Database, root: psycopg.Connection, database: DatabaseSettings, owner: Connection
) -> None:
    """Given a connection that died between events, when the next comes, then each is written once (17)."""
    mirror = PostgresMirror(worker_database)
    mirror.record(an_event("evt_0", an_invoice()), Outcome.IGNORED, None)
    kill_backends(root, database, "billing_worker")
    assert mirror.apply(EVENT, SEEN) is Verdict.APPLIED
    kill_backends(root, database, "billing_worker")
    assert mirror.apply(EVENT, SEEN) is Verdict.DUPLICATE
    assert effects(owner) == (2, 1)


def test_answer_lost_after_commit_means_no_double_write(
    database: DatabaseSettings, database_secrets: dict[str, Credentials], owner: Connection
) -> None:
    """Given a commit whose answer was lost, when the work is repeated, then the event is known (15, 17)."""
    with (
        CuttingProxy(database.port) as proxy,
        Database(replace(database, port=proxy.port), lambda _: database_secrets["billing_worker"]) as lossy,
    ):
        mirror = PostgresMirror(lossy)
        mirror.standing(ObjectKind.INVOICE, "in_1")
        proxy.cut_next_answer.set()
        assert mirror.apply(EVENT, SEEN) is Verdict.DUPLICATE
    assert effects(owner) == (1, 1)


def test_dead_connection_is_retried_exactly_once(
    worker_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given work that kills its own connection, when run, then it is tried twice and no more."""
    pids: list[int] = []
    connect = connection_module.connect

    def counted(
        settings: DatabaseSettings, credentials: Credentials, *, application_name: str = "billing"
    ) -> Connection:
        opened = connect(settings, credentials, application_name=application_name)
        pids.append(opened.info.backend_pid)
        return opened

    monkeypatch.setattr(connection_module, "connect", counted)
    with pytest.raises(UnavailableError):
        worker_database.query(Statement("SELECT pg_terminate_backend(pg_backend_pid())"))
    assert len(pids) == 2


def test_failed_statement_leaves_nothing_behind(worker_database: Database) -> None:
    """Given a transaction that fails halfway, when the next begins, then it finds a clean connection."""
    pid = worker_database.query(PID)
    with pytest.raises(psycopg.errors.DivisionByZero):
        worker_database.write(
            Statement(
                "INSERT INTO stripe_webhook_events (id, type, livemode, created, outcome)"
                " VALUES ('evt_1', 't', false, now(), 'ignored')"
            ),
            Statement("SELECT 1 / 0"),
        )
    assert worker_database.query(Statement("SELECT count(*) AS n FROM stripe_webhook_events")) == [{"n": 0}]
    assert worker_database.query(PID) == pid


def test_refused_call_leaves_nothing_behind(worker_database: Database) -> None:
    """Given a call that the database refuses, when made, then the error is its and the session lives on."""
    pid = worker_database.query(PID)
    with pytest.raises(psycopg.errors.DivisionByZero):
        worker_database.call("SELECT 1 / $1::int", ["0"])
    assert worker_database.call("SELECT $1::int + 1 || coalesce($2, '')", ["41", None]) == "42"
    assert worker_database.query(PID) == pid


def test_call_that_kills_its_session_is_unavailable(worker_database: Database) -> None:
    """Given a call that ends its own session, when made, then it is unavailable, and the next works."""
    with pytest.raises(UnavailableError):
        worker_database.call("SELECT pg_terminate_backend(pg_backend_pid())", [])
    assert worker_database.call("SELECT 'there'", []) == "there"


def test_slow_statement_is_unavailable_and_not_repeated(worker_database: Database) -> None:
    """Given a statement over its time limit, when cancelled, then 'unavailable', and the session lives on."""
    pid = worker_database.query(PID)
    with pytest.raises(UnavailableError) as caught:
        worker_database.write(
            Statement("SELECT set_config('statement_timeout', '20ms', true)"),
            Statement("SELECT pg_sleep(60)"),
        )
    assert caught.value.dependency == "database"
    assert worker_database.query(PID) == pid


def settings_nowhere() -> DatabaseSettings:
    from billing.settings import DatabaseSettings  # noqa: PLC0415 - only here is it needed at run time

    return DatabaseSettings("127.0.0.1", any_free_port(), "billing", "disable", "unused")


@pytest.mark.parametrize(
    "call",
    [
        lambda database: PostgresMirror(database).apply(EVENT, SEEN),
        lambda database: PostgresMirror(database).record(EVENT, Outcome.IGNORED, None),
        lambda database: PostgresMirror(database).standing(ObjectKind.INVOICE, "in_1"),
        lambda database: PostgresMirror(database).settle(EVENT, None, None),
        lambda database: PostgresInvoicePages(database).page("cus_1", InvoiceQuery()),
        lambda database: PostgresInvoiceReader(database).get("cus_1", "in_1"),
        lambda database: PostgresInvoiceReader(database).customer("cus_1"),
        lambda database: PostgresIdentities(database).by_api_key(b""),
        lambda database: PostgresIdentities(database).by_subject("i", "s"),
    ],
)
def test_nobody_listening_is_unavailable(call: Callable[[Database], object]) -> None:
    """Given a server that is not there, when any port is used, then it says that the database is away."""
    with (
        Database(settings_nowhere(), lambda _: Credentials("billing_api", "x")) as away,
        pytest.raises(UnavailableError) as caught,
    ):
        call(away)
    assert caught.value.dependency == "database"


def test_full_server_is_unavailable_at_once(
    root: psycopg.Connection, database: DatabaseSettings, database_secrets: dict[str, Credentials]
) -> None:
    """Given a database over its connection cap, when one more comes, then it is refused at once (18)."""
    root.execute(f"ALTER DATABASE {database.name} CONNECTION LIMIT 0")
    asked: list[bool] = []

    def credentials(refresh: bool) -> Credentials:
        asked.append(refresh)
        return database_secrets["billing_api"]

    with Database(database, credentials) as refused, pytest.raises(UnavailableError):
        refused.query(PID)
    assert asked == [False, True]


@pytest.fixture
def rotating(root: psycopg.Connection) -> Iterator[Callable[[str], None]]:
    """Yield what rotates the password of a role of this test's own."""
    root.execute("CREATE ROLE rotating LOGIN PASSWORD 'first' IN ROLE billing_api")

    def rotate(password: str) -> None:
        root.execute(sql.SQL("ALTER ROLE rotating PASSWORD {}").format(sql.Literal(password)))

    yield rotate
    root.execute("DROP ROLE rotating")


def test_rotated_password_is_picked_up_within_one_call(
    rotating: Callable[[str], None], root: psycopg.Connection, database: DatabaseSettings
) -> None:
    """Given a password rotated behind our back, when reopened, then the fresh one is read (35)."""
    known = {False: Credentials("rotating", "first"), True: Credentials("rotating", "second")}
    asked: list[bool] = []

    def credentials(refresh: bool) -> Credentials:
        asked.append(refresh)
        return known[refresh]

    with Database(database, credentials) as rotated:
        rotated.query(PID)
        rotating("second")
        kill_backends(root, database, "rotating")
        rotated.query(PID)
    assert asked == [False, False, True]


def test_wrong_password_is_tried_afresh_only_once(
    rotating: Callable[[str], None], database: DatabaseSettings
) -> None:
    """Given fresh credentials that are refused too, when connecting, then it ends and shows none."""
    with (
        Database(database, lambda refresh: Credentials("rotating", f"wrong-{refresh}")) as refused,
        pytest.raises(UnavailableError) as caught,
    ):
        refused.query(PID)
    assert "wrong-" not in f"{caught.value!r} {caught.value.__cause__!r} {Credentials('a', 'wrong-')!r}"


def test_an_error_without_a_code_is_a_lost_connection(worker_database: Database) -> None:
    """Given a call that libpq itself refuses, when it is made, then the database does not answer."""
    with pytest.raises(UnavailableError, match="database"):
        # More parameters than the protocol can count: libpq sends nothing, and no SQLSTATE comes back.
        worker_database.call("SELECT 'x'", [None] * 70_000)
