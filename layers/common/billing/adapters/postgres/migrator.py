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

from billing.adapters.postgres.meter_definitions import define_meters
from billing.adapters.postgres.meter_files import read_meters
from billing.adapters.postgres.migration_files import read_migrations
from billing.adapters.postgres.schema import differences, list_schema
from billing.domain.schema import SchemaError, SchemaStatus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from billing.adapters.postgres.connection import Connection, Database
    from billing.adapters.postgres.migration_files import Migration
    from billing.adapters.postgres.schema import Schema

# The two-number form of the lock has a space of its own: no object's lock of the mirror can meet it.
_LOCK = "SELECT pg_advisory_xact_lock(6245, 1)"
# A migration that waits for a table stands in the way of everybody behind it: better to fail and be rerun.
_PATIENCE = "SET LOCAL lock_timeout = '5s'"
_SEARCH = "SET LOCAL search_path = public"

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
_INSERT = "INSERT INTO schema_migrations (version, name, checksum, schema) VALUES (%s, %s, %s, %s)"


@dataclass(frozen=True, slots=True)
class _Applied:
    """A migration that the database has."""

    version: int
    name: str
    checksum: str
    schema: Schema

    @property
    def label(self) -> str:
        return f"{self.version:04d}_{self.name}"


class Migrator:
    """The port `SchemaMigrator`: the migrations of a directory on the owner's database.

    The owner needs CREATEROLE and no superuser.
    """

    def __init__(self, database: Database, directory: Path) -> None:
        self._database = database
        self._directory = directory

    def up(self) -> tuple[str, ...]:
        """Apply what is pending, all or nothing; return the names, empty if there was nothing to do.

        Ten at once: one applies, the others wait and find nothing to do. Where the directory has a
        meters.json its meters are defined in the same transaction, and are among the names as `meter NAME`.

        Raises
        ------
        SchemaError
            The files have gaps, an applied one was changed or removed, a migration failed, or a meter is
            malformed or would count something else than before.
        UnavailableError
            The database does not answer, or a table stayed locked; nothing was applied.
        """
        migrations = read_migrations(self._directory)
        meters = read_meters(self._directory)
        with self._alone() as connection:
            connection.execute(_CREATE_TABLE)
            connection.execute(_COMMENT_TABLE)
            pending = _pending(migrations, _applied(connection))
            for each in pending:
                _run(connection, each.label, each.sql)
                schema = Jsonb(list_schema(connection))
                connection.execute(_INSERT, [each.version, each.name, each.checksum, schema])
            defined = () if meters is None else define_meters(connection, meters)
        return (*(each.label for each in pending), *(f"meter {name}" for name in defined))

    def down(self, to: int) -> tuple[str, ...]:
        """Roll back every migration above version `to`, newest first, all or nothing; return the names.

        What is left is compared with what the migration `to` had left.

        Raises
        ------
        SchemaError
            No migration has this number, the files do not match what was applied, a rollback failed or
            did not restore the schema; nothing was rolled back.
        UnavailableError
            The database does not answer, or a table stayed locked; nothing was rolled back.
        """
        migrations = read_migrations(self._directory)
        if not 0 <= to <= len(migrations):
            raise SchemaError(f"there is no migration {to}")
        with self._alone() as connection:
            applied = _applied(connection)
            _pending(migrations, applied)
            undone = applied[to:][::-1]
            for each in undone:
                _run(connection, f"the rollback of {each.label}", migrations[each.version - 1].rollback)
                connection.execute("DELETE FROM schema_migrations WHERE version = %s", [each.version])
            if undone and to > 0:
                left = differences(applied[to - 1].schema, list_schema(connection))
                if left:
                    raise SchemaError(f"the rollback to {to} did not restore the schema: {'; '.join(left)}")
        return tuple(each.label for each in undone)

    def status(self) -> SchemaStatus:
        """Return what stands and what is pending, and verify the schema against what the migrations left.

        Raises
        ------
        SchemaError
            The files have gaps, or an applied one was changed or removed.
        UnavailableError
            The database does not answer.
        """
        migrations = read_migrations(self._directory)
        with self._database.session() as connection, connection.transaction():
            applied = _applied(connection)
            found = list_schema(connection)
        return SchemaStatus(
            applied=tuple(each.label for each in applied),
            pending=tuple(each.label for each in _pending(migrations, applied)),
            drift=differences(applied[-1].schema, found) if applied else (),
        )

    def ensure_login(self, role: str, password: str) -> bool:
        """Let the role log in with this password; return whether anything had to be changed.

        The password leaves this process only as its SCRAM verifier, so no log of the server can hold it.

        Raises
        ------
        SchemaError
            The role does not exist, or is not the owner's to alter.
        UnavailableError
            The database does not answer.
        """
        with self._alone() as connection:
            if _logs_in(connection, role, password):
                return False
            verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
            change = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(
                sql.Identifier(role), sql.Literal(verifier.decode())
            )
            try:
                connection.execute(change)
            except psycopg.ProgrammingError as error:
                raise SchemaError(f"{role}: {error.diag.message_primary}") from error
        return True

    @contextmanager
    def _alone(self) -> Iterator[Connection]:
        with self._database.session() as connection, connection.transaction():
            connection.execute(_LOCK)
            connection.execute(_PATIENCE)
            connection.execute(_SEARCH)
            yield connection


def _run(connection: Connection, label: str, text: str) -> None:
    try:
        # A file of ours, as trusted as this code: several statements, no parameters.
        connection.execute(text)
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        raise SchemaError(f"{label}: {error.diag.message_primary or error}") from error


def _applied(connection: Connection) -> list[_Applied]:
    table = connection.execute("SELECT to_regclass('public.schema_migrations') AS it").fetchone()
    if table is None or table["it"] is None:
        return []
    rows = connection.execute(
        "SELECT version, name, checksum, schema FROM public.schema_migrations ORDER BY version"
    )
    return [_Applied(**row) for row in rows]


def _logs_in(connection: Connection, role: str, password: str) -> bool:
    here = connection.info.get_parameters()
    try:
        with psycopg.connect(make_conninfo(**here | {"user": role, "password": password})):
            return True
    except psycopg.OperationalError:
        return False


def _pending(migrations: list[Migration], applied: list[_Applied]) -> list[Migration]:
    """Return what is still to apply, after checking that what was applied is what the files say."""
    for each, migration in zip(applied, migrations, strict=False):
        if each.label != migration.label:
            raise SchemaError(f"the database has {each.label} where the files have {migration.label}")
        if each.checksum != migration.checksum:
            raise SchemaError(f"{migration.label} was changed after it was applied; write a new migration")
    if len(applied) > len(migrations):
        extra = applied[len(migrations)].label
        raise SchemaError(f"the database has {extra}, which is not among the files")
    return migrations[len(applied) :]
