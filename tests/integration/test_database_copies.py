"""A test's database is as new, though the last test's files are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

from local.postgres import OWNER, SUPERUSER
from tests.support.databases import Copies, drop_database, shape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

    from billing.settings import DatabaseSettings
    from local.postgres import PostgresServer

OF_ROWS = """
    SELECT oid::regclass::text FROM pg_class
    WHERE relkind IN ('r', 'S') AND relnamespace = 'public'::regnamespace ORDER BY 1
"""


@pytest.fixture
def copies(postgres_server: PostgresServer, database_template: str) -> Copies:
    return Copies(postgres_server, database_template)


@pytest.fixture
def taken(copies: Copies, postgres_server: PostgresServer) -> Iterator[str]:
    """Yield the name of a copy that the test has, and gives back."""
    name = copies.take()
    yield name
    drop_database(postgres_server, copies.take())


def connect(server: PostgresServer, name: str, role: str = SUPERUSER) -> Connection:
    return psycopg.connect(server.dsn(role, name), autocommit=True)


def next_one(copies: Copies) -> str:
    name = copies.take()
    copies.give_back(name)
    return name


def content(server: PostgresServer, name: str) -> dict[str, list[tuple[object, ...]]]:
    with connect(server, name) as connection:
        tables = [sql.Identifier(table) for (table,) in connection.execute(OF_ROWS)]
        return {str(t): connection.execute(sql.SQL("TABLE {}").format(t)).fetchall() for t in tables}


def test_rows_and_numbers_are_gone_and_the_files_stay(
    postgres_server: PostgresServer, copies: Copies, taken: str
) -> None:
    """Given rows added, changed and deleted, when the database is taken again, then it is as it was."""
    before = content(postgres_server, taken)
    with connect(postgres_server, taken, OWNER) as owner:
        owner.execute("INSERT INTO usage_dropped_months SELECT '2026-01-01'")
        owner.execute("UPDATE usage_meters SET retired = true")
        owner.execute("DELETE FROM schema_migrations WHERE version = 1")
        owner.execute("SELECT nextval('events_number_seq')")
    assert content(postgres_server, taken) != before
    copies.give_back(taken)
    assert next_one(copies) == taken
    assert content(postgres_server, taken) == before


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE another (id text)",
        "DROP TABLE users CASCADE",
        "ALTER TABLE users ADD COLUMN another text",
        "ALTER TABLE users DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE users SET (fillfactor = 50)",
        "GRANT DELETE ON users TO billing_api",
        "CREATE INDEX another ON users (id)",
        "CREATE POLICY another ON users USING (true)",
        "CREATE FUNCTION another() RETURNS integer LANGUAGE sql RETURN 1",
        "ALTER FUNCTION apply_customer SET work_mem = '8MB'",
        "COMMENT ON TABLE users IS 'another'",
        "ANALYZE schema_migrations",
        "ALTER SEQUENCE events_number_seq INCREMENT BY 2",
        "CREATE VIEW another AS SELECT 1 AS one",
        "CREATE TYPE another AS ENUM ('one')",
        "ALTER DATABASE {} SET work_mem = '8MB'",
        "REVOKE CONNECT ON DATABASE {} FROM billing_api",
    ],
)
def test_a_change_of_more_than_rows_shows(
    postgres_server: PostgresServer, database: DatabaseSettings, change: str
) -> None:
    """Given a change of the schema, then the database's shape is another until that is rolled back."""
    with connect(postgres_server, database.name) as superuser:
        before = shape(superuser)
        superuser.execute("BEGIN")
        superuser.execute(change.format(database.name))
        assert shape(superuser) != before
        superuser.execute("ROLLBACK")
        assert shape(superuser) == before


def test_more_than_rows_ends_a_copy(postgres_server: PostgresServer, copies: Copies, taken: str) -> None:
    """Given a table that a test made, when the database is given back, then the next one is a new copy."""
    with connect(postgres_server, taken, OWNER) as owner:
        owner.execute("CREATE TABLE another (id text)")
    copies.give_back(taken)
    assert next_one(copies) != taken


def test_who_is_still_connected_is_ended(postgres_server: PostgresServer, copies: Copies, taken: str) -> None:
    """Given a transaction that a test left open, when the database is given back, then it is undone."""
    with connect(postgres_server, taken, OWNER) as owner:
        owner.execute("BEGIN")
        owner.execute("INSERT INTO usage_dropped_months SELECT '2026-01-01'")
        copies.give_back(taken)
        with pytest.raises(psycopg.OperationalError):
            owner.execute("COMMIT")
    assert next_one(copies) == taken
    with connect(postgres_server, taken) as superuser:
        assert superuser.execute("SELECT count(*) FROM usage_dropped_months").fetchone() == (0,)
