"""The PostgreSQL of a simulation: a real server of its own, which dies and comes back as a world says."""

from __future__ import annotations

import secrets
import signal
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg
from psycopg import sql

from billing.adapters.postgres.connection import Credentials, Database
from billing.adapters.postgres.migrator import Migrator
from billing.settings import DatabaseSettings
from local.ports import any_free_port
from local.postgres import DATABASE, HOST, OWNER, SUPERUSER, PostgresServer
from local.processes import has_ended

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from simulation.crew import Worker

_MIGRATIONS = Path(__file__).parents[1] / "migrations"
_WORKER = "billing_worker"
_STOP_SECONDS = 20.0
_POLL_SECONDS = 0.0005
_WAITS = "SELECT pid FROM pg_stat_activity WHERE application_name = %s AND wait_event_type = 'Lock'"
_PID = "SELECT pid FROM pg_stat_activity WHERE application_name = %s"
_TERMINATE = "SELECT pg_terminate_backend(pid, 5000) FROM unnest(%s::int[]) AS pid"


class Server:
    """A migrated database on a server of its own, and what can be done to it.

    A commit that was answered survives the death of the server (synchronous_commit); the death of the whole
    machine is not simulated, so nothing waits for the disk.
    """

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._credentials = Credentials(_WORKER, secrets.token_urlsafe(24))
        self._watch: psycopg.Connection | None = None
        self._hold: psycopg.Connection | None = None
        self._worlds = 0
        self.sweeper = Database(self.settings, lambda _: self.worker, application_name="sweeper")

    @property
    def settings(self) -> DatabaseSettings:
        """How to reach the database."""
        return DatabaseSettings(HOST, self._server.port, DATABASE, "disable", secret_id="unused")  # noqa: S106 - an id

    @property
    def worker(self) -> Credentials:
        """The credentials of the role that applies events."""
        return self._credentials

    @property
    def owner(self) -> Credentials:
        """The credentials of the role that owns the schema."""
        return Credentials(OWNER, self._server.password(OWNER))

    @property
    def is_up(self) -> bool:
        """Whether the server runs."""
        return self._server.pid is not None

    def migrate(self) -> None:
        """Bring the schema up, and let the worker's role sign in."""
        with Database(self.settings, lambda _: self.owner) as database:
            migrator = Migrator(database, _MIGRATIONS)
            migrator.up()
            migrator.ensure_login(_WORKER, self._credentials.password)
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            database_name = sql.Identifier(DATABASE)
            connection.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = on").format(database_name))

    def tag(self) -> str:
        """Return 8 hexadecimal digits that no other world on this database has."""
        self._worlds += 1
        return f"{self._worlds:08x}"

    def die(self) -> None:
        """Let the server die at once, as after a fault; what was committed is there when it is back."""
        self._drop_connections()
        pid = self._server.pid
        if pid is None:
            return
        process = psutil.Process(pid)
        process.send_signal(signal.SIGQUIT)
        if not has_ended(process, _STOP_SECONDS):
            raise RuntimeError(f"PostgreSQL (process {pid}) does not end")

    def revive(self) -> None:
        """Return when the server answers again."""
        self._server.start()

    def cut(self, worker: Worker) -> None:
        """Close a worker's connection, as a failing proxy would; return when it is closed."""
        watch = self._watching()
        found = watch.execute(_PID, [worker.name]).fetchall()
        watch.execute(_TERMINATE, [[row[0] for row in found]])

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let every statement that records an event wait in its middle until the block ends."""
        hold = self._holding()
        with hold.transaction():
            hold.execute("LOCK TABLE stripe_webhook_events IN ACCESS EXCLUSIVE MODE")
            yield

    def settled(self, worker: Worker) -> bool:
        """Return when the worker's step is done (False) or its statement waits for a lock (True)."""
        watch = self._watching()
        while not worker.is_back():
            if watch.execute(_WAITS, [worker.name]).fetchone() is not None:
                return True
            time.sleep(_POLL_SECONDS)
        return False

    def rows(self, query: str, *values: object) -> list[dict[str, object]]:
        """Return the rows of a question asked as the superuser, whom no row security restricts."""
        cursor = self._watching().execute(query, values)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def execute(self, statement: str) -> None:
        """Run a statement as the superuser, for tests that put a bug into the database."""
        self._watching().execute(statement)

    def close(self) -> None:
        """Close its own connections."""
        self._drop_connections()

    @property
    def _dsn(self) -> str:
        return self._server.dsn(SUPERUSER)

    def _watching(self) -> psycopg.Connection:
        if self._watch is None:
            self._watch = psycopg.connect(self._dsn, autocommit=True)
        return self._watch

    def _holding(self) -> psycopg.Connection:
        # A second one: within a transaction pg_stat_activity shows the same all the time.
        if self._hold is None:
            self._hold = psycopg.connect(self._dsn, autocommit=True)
        return self._hold

    def _drop_connections(self) -> None:
        self.sweeper.close()
        for connection in (self._watch, self._hold):
            if connection is not None:
                connection.close()
        self._watch = self._hold = None


@contextmanager
def running_server(state: Path, say: Callable[[str], None]) -> Iterator[Server]:
    """Yield a migrated database on a server of its own, for the length of the block."""
    postgres = PostgresServer(state, any_free_port(), durable=False, say=say)
    postgres.start()
    server = Server(postgres)
    try:
        server.migrate()
        yield server
    finally:
        server.close()
        postgres.remove()
