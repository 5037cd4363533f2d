"""Brings the schema up and down: plain SQL files, one transaction, one migrator at a time.

Why not a library: docs/decisions/0003-own-migration-runner.md.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.types.json import Jsonb

from billing.adapters.postgres.migration_files import MigrationError, read_migrations
from billing.adapters.postgres.schema import differences, list_schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from billing.adapters.postgres.connection import Connection
    from billing.adapters.postgres.migration_files import Migration
    from billing.adapters.postgres.schema import Schema

# The two-number form of the lock has a space of its own: no object's lock of the mirror can meet it.
_LOCK = "SELECT pg_advisory_xact_lock(6245, 1)"
# A migration that waits for a table stands in the way of everybody behind it: better to fail and be rerun.
_PATIENCE = "SET LOCAL lock_timeout = '5s'"
_SCHEMA = "SET LOCAL search_path = public"

_CREATE_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version integer NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    schema jsonb NOT NULL,
    CONSTRAINT schema_migrations_pkey PRIMARY KEY (version)
)"""
_COMMENT_TABLE = """
COMMENT ON TABLE schema_migrations IS
    'Applied migrations; schema lists every object as the migration left it, so that drift can be named.'"""


@dataclass(frozen=True, slots=True)
class Applied:
    """A migration that the database has."""

    version: int
    name: str
    checksum: str
    schema: Schema


@dataclass(frozen=True, slots=True)
class Status:
    """Where the database stands: names of migrations, and how the schema differs from what they left."""

    applied: tuple[str, ...]
    pending: tuple[str, ...]
    drift: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is pending and nothing drifted."""
        return not self.pending and not self.drift


class Migrator:
    """Migrations of a directory on the database of a connection, which must be in autocommit mode.

    The connection is the owner's; CREATEROLE is enough, no superuser is needed.
    """

    def __init__(self, directory: Path, connection: Connection) -> None:
        self._directory = directory
        self._connection = connection

    def up(self) -> tuple[str, ...]:
        """Apply what is pending, all or nothing; return the names, empty if there was nothing to do.

        Ten at once: one applies, the others wait and find nothing to do.

        Raises
        ------
        MigrationError
            The files have gaps, or an applied one was changed or removed.
        psycopg.Error
            A migration failed; nothing was applied.
        """
        migrations = read_migrations(self._directory)
        with self._alone():
            self._connection.execute(_CREATE_TABLE)
            self._connection.execute(_COMMENT_TABLE)
            pending = _pending(migrations, self._applied())
            for migration in pending:
                self._run(migration.sql)
                self._connection.execute(
                    "INSERT INTO schema_migrations (version, name, checksum, schema) VALUES (%s, %s, %s, %s)",
                    [
                        migration.version,
                        migration.name,
                        migration.checksum,
                        Jsonb(list_schema(self._connection)),
                    ],
                )
        return tuple(migration.label for migration in pending)

    def down(self, to: int) -> tuple[str, ...]:
        """Roll back every migration above version `to`, newest first, all or nothing; return the names.

        What is left is compared with what the migration `to` had left.

        Raises
        ------
        MigrationError
            The files do not match what was applied, or a rollback did not restore the schema.
        psycopg.Error
            A rollback failed; nothing was rolled back.
        """
        migrations = {migration.version: migration for migration in read_migrations(self._directory)}
        with self._alone():
            applied = self._applied() if self._has_table() else []
            _pending(list(migrations.values()), applied)
            undone = [each for each in reversed(applied) if each.version > to]
            for each in undone:
                self._run(migrations[each.version].rollback)
                self._connection.execute("DELETE FROM schema_migrations WHERE version = %s", [each.version])
            kept = [each for each in applied if each.version <= to]
            if undone and kept:
                left = differences(kept[-1].schema, list_schema(self._connection))
                if left:
                    raise MigrationError(f"the rollback did not restore the schema: {'; '.join(left)}")
        return tuple(f"{each.version:04d}_{each.name}" for each in undone)

    def status(self) -> Status:
        """Return what is applied and pending, and verify the schema against what the migrations left.

        Raises
        ------
        MigrationError
            The files have gaps, or an applied one was changed or removed.
        """
        migrations = read_migrations(self._directory)
        with self._connection.transaction():
            applied = self._applied() if self._has_table() else []
            found = list_schema(self._connection) if applied else {}
        pending = _pending(migrations, applied)
        return Status(
            applied=tuple(f"{each.version:04d}_{each.name}" for each in applied),
            pending=tuple(migration.label for migration in pending),
            drift=differences(applied[-1].schema, found) if applied else (),
        )

    def ensure_login(self, role: str, password: str) -> bool:
        """Let a role log in with this password; return whether anything had to be changed.

        The password leaves this process only as its SCRAM verifier, so no log of the server can hold it.

        Raises
        ------
        psycopg.Error
            The role does not exist, or is not ours to alter.
        """
        with self._alone():
            if self._logs_in(role, password):
                return False
            verifier = self._connection.pgconn.encrypt_password(
                password.encode(), role.encode(), b"scram-sha-256"
            )
            self._connection.execute(
                sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(
                    sql.Identifier(role), sql.Literal(verifier.decode())
                )
            )
        return True

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._connection.transaction():
            self._connection.execute(_LOCK)
            self._connection.execute(_PATIENCE)
            self._connection.execute(_SCHEMA)
            yield

    def _run(self, text: str) -> None:
        # The text is a file of ours, as trusted as this code; it holds several statements and no parameters.
        self._connection.execute(text)

    def _has_table(self) -> bool:
        row = self._connection.execute("SELECT to_regclass('public.schema_migrations') AS it").fetchone()
        return row is not None and row["it"] is not None

    def _applied(self) -> list[Applied]:
        rows = self._connection.execute(
            "SELECT version, name, checksum, schema FROM schema_migrations ORDER BY version"
        )
        return [Applied(**row) for row in rows]

    def _logs_in(self, role: str, password: str) -> bool:
        here = self._connection.info.get_parameters()
        try:
            with psycopg.connect(make_conninfo(**here | {"user": role, "password": password})):
                return True
        except psycopg.OperationalError:
            return False


def _pending(migrations: list[Migration], applied: list[Applied]) -> list[Migration]:
    """Return what is still to apply, after checking that what was applied is what the files say."""
    for each, migration in zip(applied, migrations, strict=False):
        if (each.version, each.name) != (migration.version, migration.name):
            raise MigrationError(
                f"the database has {each.version:04d}_{each.name} where the files have {migration.label}"
            )
        if each.checksum != migration.checksum:
            raise MigrationError(f"{migration.label} was changed after it was applied; write a new migration")
    if len(applied) > len(migrations):
        ahead = applied[len(migrations)]
        raise MigrationError(
            f"the database has {ahead.version:04d}_{ahead.name}, which is not among the files"
        )
    return migrations[len(applied) :]
