"""Databases that are as new for each test: copies of a template, of which one is kept while it is as new."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, LiteralString, Self

import psycopg
from psycopg import sql

from billing.adapters.postgres.schema import APPLICATION_ROLES
from local.postgres import OWNER, SUPERUSER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import Connection

    from local.postgres import PostgresServer

_END_THE_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
# Given a timeout, pg_terminate_backend looks only every 100 ms.
_MOMENT = 0.005
_MOMENTS = 2_000

_CATALOGS = (
    "pg_attrdef",
    "pg_attribute",
    "pg_cast",
    "pg_constraint",
    "pg_default_acl",
    "pg_description",
    "pg_event_trigger",
    "pg_extension",
    "pg_index",
    "pg_largeobject_metadata",
    "pg_namespace",
    "pg_operator",
    "pg_policy",
    "pg_proc",
    "pg_publication",
    "pg_rewrite",
    "pg_sequence",
    "pg_statistic",
    "pg_statistic_ext",
    "pg_trigger",
    "pg_type",
)

# A row's xmin is the transaction that wrote it, and a copy's rows keep the template's: the count and the
# youngest tell whether anything was added, changed or dropped since.
_OF_A_CATALOG: LiteralString = "SELECT concat_ws(' ', count(*), max(xmin::text::bigint)) AS it FROM {}"

# All of it but what TRUNCATE writes there: where a table's file is, and how much is in it.
_OF_RELATIONS: LiteralString = """
    SELECT md5(string_agg((
               oid, relname, relnamespace, reloftype, relowner, relam, reltablespace, reltoastrelid,
               relhasindex, relisshared, relpersistence, relkind, relnatts, relchecks, relhasrules,
               relhastriggers, relhassubclass, relrowsecurity, relforcerowsecurity, relispopulated,
               relreplident, relispartition, relacl, reloptions, relpartbound
           )::text, ',' ORDER BY oid))
    FROM pg_class WHERE oid >= 16384
"""

_OF_THE_DATABASE: LiteralString = """
    SELECT concat_ws(' ', datacl, datconnlimit, datallowconn,
                     (SELECT count(*) FROM pg_db_role_setting WHERE setdatabase = d.oid))
    FROM pg_database d WHERE datname = current_database()
"""

_SHAPE = sql.SQL(" UNION ALL ").join(
    [
        *(sql.SQL(_OF_A_CATALOG).format(sql.Identifier(name)) for name in _CATALOGS),
        sql.SQL(_OF_RELATIONS),
        sql.SQL(_OF_THE_DATABASE),
    ]
)

# A table that never had a row since it was made or truncated has a file of no bytes.
_WRITTEN = """
    SELECT relname FROM pg_class
    WHERE relkind = 'r' AND oid >= 16384 AND relnamespace = 'public'::regnamespace
      AND pg_relation_size(oid) > 0
"""

_RESTART = """
    SELECT setval(seqrelid, seqstart, false) FROM pg_sequence
    WHERE pg_sequence_last_value(seqrelid) IS NOT NULL
"""


class Copies:
    """Copies of one template, of which one is kept between tests.

    To copy the files of a database takes longer than most tests. So what comes back is emptied and kept,
    unless more than rows have changed: then it is dropped, and the next test's is copied anew.
    """

    def __init__(self, server: PostgresServer, template: str) -> None:
        self._server = server
        self._template = template
        self._new: dict[str, _Content] = {}
        self._kept: list[str] = []

    def take(self) -> str:
        """Return the name of a database that is as the template is."""
        if self._kept:
            return self._kept.pop()
        name = f"copy_{secrets.token_hex(6)}"
        create_database(self._server, name, self._template)
        with self._connect(name) as connection:
            # The first migration says it of the database that it runs in, and no copy inherits it.
            connection.execute(_of_names("REVOKE ALL ON DATABASE {} FROM PUBLIC", name))
            connection.execute(_of_names("GRANT CONNECT ON DATABASE {} TO {}, {}", name, *APPLICATION_ROLES))
            self._new[name] = _Content.of(connection)
        return name

    def give_back(self, name: str) -> None:
        """Take a database from a test, whatever that left in it."""
        with self._connect(name) as connection:
            as_new = _alone(connection) and self._new[name].restore(connection)
        if as_new:
            self._kept.append(name)
        else:
            del self._new[name]
            drop_database(self._server, name)

    def _connect(self, database: str) -> Connection:
        return psycopg.connect(self._server.dsn(SUPERUSER, database), autocommit=True)


@dataclass(frozen=True, slots=True)
class _Content:
    """What a new database holds: its shape, and the rows of the tables that have any."""

    shape: list[str]
    rows: Mapping[str, bytes]

    @classmethod
    def of(cls, connection: Connection) -> Self:
        return cls(shape(connection), {table: _read(connection, table) for table in _written(connection)})

    def restore(self, connection: Connection) -> bool:
        """Make the rows what they were and return True, or return False if the shape is another."""
        if shape(connection) != self.shape:
            return False
        changed = set(_written(connection)) - self.rows.keys()
        changed |= {table for table, rows in self.rows.items() if _read(connection, table) != rows}
        if changed:
            tables = sql.SQL(", ").join(map(sql.Identifier, sorted(changed)))
            connection.execute(sql.SQL("TRUNCATE {} CASCADE").format(tables))
        for table, rows in self.rows.items():
            if _read(connection, table) != rows:
                _write(connection, table, rows)
        connection.execute(_RESTART)
        return True


def create_database(server: PostgresServer, name: str, template: str = "template0") -> None:
    """Copy a database; the copy is the owner's."""
    _execute(server, "CREATE DATABASE {} TEMPLATE {} OWNER {}", name, template, OWNER)


def drop_database(server: PostgresServer, name: str) -> None:
    """Drop a database, and end whoever is connected to it."""
    _execute(server, "DROP DATABASE {} WITH (FORCE)", name)


def _execute(server: PostgresServer, command: LiteralString, *names: str) -> None:
    with psycopg.connect(server.superuser_dsn, autocommit=True) as connection:
        connection.execute(_of_names(command, *names))


def _of_names(command: LiteralString, *names: str) -> sql.Composed:
    return sql.SQL(command).format(*(sql.Identifier(name) for name in names))


def _alone(connection: Connection) -> bool:
    """End all who are connected to the database, and return whether they are gone."""
    for _ in range(_MOMENTS):
        if not connection.execute(_END_THE_OTHERS).fetchall():
            return True
        time.sleep(_MOMENT)
    return False


def shape(connection: Connection) -> list[str]:
    """Return what tells whether two states of a database, or it and its copy, differ in more than rows."""
    return [str(it) for (it,) in connection.execute(_SHAPE)]


def _written(connection: Connection) -> list[str]:
    return [str(name) for (name,) in connection.execute(_WRITTEN)]


def _read(connection: Connection, table: str) -> bytes:
    with connection.cursor().copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))) as rows:
        return b"".join(rows)


def _write(connection: Connection, table: str, rows: bytes) -> None:
    with connection.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))) as copy:
        copy.write(rows)
