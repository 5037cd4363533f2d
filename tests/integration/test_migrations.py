from __future__ import annotations

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psycopg
import pytest

from billing.adapters.postgres.connection import Database, connect
from billing.adapters.postgres.meter_files import read_meters
from billing.adapters.postgres.migration_files import read_migrations
from billing.adapters.postgres.migrator import Migrator
from billing.adapters.postgres.schema import list_schema
from billing.domain.errors import UnavailableError
from billing.domain.schema import SchemaError
from local.postgres import OWNER
from tests.fixtures.postgres import MIGRATIONS, settings_of
from tests.support.databases import create_database, drop_database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from billing.adapters.postgres.connection import Connection, Credentials
    from billing.adapters.postgres.schema import Schema
    from billing.settings import DatabaseSettings
    from local.postgres import PostgresServer

ALL = tuple(migration.label for migration in read_migrations(MIGRATIONS))
METERS = tuple(f"meter {meter.name}" for meter in read_meters(MIGRATIONS) or ())

type MigratorOf = Callable[[Path], Migrator]


@pytest.fixture
def migrator_of(
    empty_database: DatabaseSettings, database_template: str, database_secrets: dict[str, Credentials]
) -> MigratorOf:
    # The template comes first: it keeps the server's roles in place when a test rolls everything back.
    return lambda folder: Migrator(Database(empty_database, lambda _: database_secrets[OWNER]), folder)


@pytest.fixture
def migrator(migrator_of: MigratorOf) -> Migrator:
    return migrator_of(MIGRATIONS)


@pytest.fixture(scope="module")
def migrated(
    postgres_server: PostgresServer, database_template: str, database_secrets: dict[str, Credentials]
) -> Iterator[str]:
    """Yield the name of a database to copy that was migrated while the server had the roles already."""
    name = "migrated"
    create_database(postgres_server, name)
    with Database(settings_of(postgres_server, name), lambda _: database_secrets[OWNER]) as opened:
        Migrator(opened, MIGRATIONS).up()
    yield name
    drop_database(postgres_server, name)


@pytest.fixture
def migrator_of_all(
    postgres_server: PostgresServer, migrated: str, database_secrets: dict[str, Credentials]
) -> Iterator[Migrator]:
    """Yield a migrator that has applied everything."""
    name = "migrated_copy"
    create_database(postgres_server, name, migrated)
    with Database(settings_of(postgres_server, name), lambda _: database_secrets[OWNER]) as opened:
        yield Migrator(opened, MIGRATIONS)
    drop_database(postgres_server, name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two migrations that do little."""
    write(tmp_path, "0001_one", "CREATE TABLE one (id integer);", "DROP TABLE one;")
    write(tmp_path, "0002_two", "CREATE TABLE two (id integer);", "DROP TABLE two;")
    return tmp_path


def write(folder: Path, label: str, up: str, down: str) -> None:
    (folder / f"{label}.sql").write_text(up)
    (folder / f"{label}.rollback.sql").write_text(down)


def schema_of(settings: DatabaseSettings, secrets: dict[str, Credentials]) -> Schema:
    with connect(settings, secrets[OWNER]) as connection, connection.transaction():
        return list_schema(connection)


def test_up_applies_everything_once(migrator: Migrator) -> None:
    """Given an empty database, when migrated twice, then the second time there is nothing to do."""
    assert migrator.status().pending == ALL
    assert migrator.up() == ALL + METERS
    assert migrator.up() == ()
    status = migrator.status()
    assert (status.applied, status.pending, status.drift) == (ALL, (), ())


def test_up_down_and_up_again_are_equal(
    migrator: Migrator, empty_database: DatabaseSettings, database_secrets: dict[str, Credentials]
) -> None:
    """Given a migrated database, when rolled back to nothing and up again, then the schemas are equal."""
    empty = schema_of(empty_database, database_secrets)
    migrator.up()
    first = schema_of(empty_database, database_secrets)
    assert migrator.down(0) == ALL[::-1]
    assert schema_of(empty_database, database_secrets) == empty
    assert migrator.up() == ALL + METERS
    assert schema_of(empty_database, database_secrets) == first


@pytest.mark.parametrize("version", range(1, len(ALL) + 1))
def test_each_rollback_restores_the_version_before(migrator_of_all: Migrator, version: int) -> None:
    """Given all migrations, when rolled back to one, then the schema is what that one had left."""
    assert migrator_of_all.down(version) == ALL[version:][::-1]
    status = migrator_of_all.status()
    assert (status.applied, status.drift) == (ALL[:version], ())


def test_rollback_that_forgets_something_is_refused(migrator_of: MigratorOf, folder: Path) -> None:
    """Given a rollback that leaves a table behind, when run, then it names the table and changes nothing."""
    write(folder, "0003_three", "CREATE TABLE three (id integer); CREATE TABLE four ();", "DROP TABLE three;")
    migrator = migrator_of(folder)
    migrator.up()
    with pytest.raises(SchemaError, match="unexpected: table four"):
        migrator.down(2)
    assert migrator.status().pending == ()


@pytest.mark.parametrize("to", [-1, 3])
def test_rolling_back_to_no_version_is_refused(migrator_of: MigratorOf, folder: Path, to: int) -> None:
    """Given two migrations, when rolled back to a number that is none, then it is refused."""
    migrator = migrator_of(folder)
    migrator.up()
    with pytest.raises(SchemaError, match=str(to)):
        migrator.down(to)


def test_ten_migrators_at_once_apply_once(migrator_of: MigratorOf) -> None:
    """Given an empty database, when ten migrate at once, then one applies and nine find nothing to do."""
    together = threading.Barrier(10)

    def run(_: int) -> tuple[str, ...]:
        migrator = migrator_of(MIGRATIONS)
        together.wait()
        return migrator.up()

    with ThreadPoolExecutor(10) as pool:
        results = sorted(pool.map(run, range(10)))
    assert results == [()] * 9 + [ALL + METERS]


def test_killed_midway_is_rerunnable(
    migrator_of: MigratorOf, folder: Path, postgres_server: PostgresServer, empty_database: DatabaseSettings
) -> None:
    """Given a migrator killed in its second migration, when run again, then all applies as from nothing."""
    (folder / "0002_two.sql").write_text("CREATE TABLE two (id integer); SELECT pg_sleep(60);")
    migrator = migrator_of(folder)
    with (
        ThreadPoolExecutor(1) as pool,
        psycopg.connect(postgres_server.superuser_dsn, autocommit=True) as root,
    ):
        running = pool.submit(migrator.up)
        while not root.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = %s AND wait_event = 'PgSleep'",
            [empty_database.name],
        ).fetchall():
            assert not running.done()
        with pytest.raises(UnavailableError):
            running.result()
    (folder / "0002_two.sql").write_text("CREATE TABLE two (id integer);")
    assert migrator.up() == ("0001_one", "0002_two")


def test_failing_migration_leaves_nothing_behind(migrator_of: MigratorOf, folder: Path) -> None:
    """Given a second migration that fails, when run, then it is named and the first is not applied either."""
    (folder / "0002_two.sql").write_text("CREATE TABLE two (id integer); SELECT 1 / 0;")
    with pytest.raises(SchemaError, match="0002_two: division by zero"):
        migrator_of(folder).up()
    assert migrator_of(folder).status().applied == ()


def test_changed_file_is_refused(migrator_of: MigratorOf, folder: Path) -> None:
    """Given an applied migration, when its file changes, then every command refuses and names it."""
    migrator = migrator_of(folder)
    migrator.up()
    (folder / "0001_one.sql").write_text("CREATE TABLE one (id bigint);")
    for command in (migrator.up, migrator.status, lambda: migrator.down(0)):
        with pytest.raises(SchemaError, match="0001_one was changed"):
            command()


def test_database_ahead_of_the_files_is_refused(migrator_of: MigratorOf, folder: Path) -> None:
    """Given an applied migration, when its file is gone, then the migrator refuses and names it."""
    migrator_of(folder).up()
    (folder / "0002_two.sql").unlink()
    (folder / "0002_two.rollback.sql").unlink()
    with pytest.raises(SchemaError, match="0002_two, which is not among the files"):
        migrator_of(folder).up()


@pytest.mark.parametrize(
    ("add", "remove", "problem"),
    [
        ("0004_four", None, "0004_four: the number 0004 comes where 0003 is missing"),
        ("0002_again", None, "0002_two: the number 0002 is used twice"),
        ("02_short", None, "02_short.rollback.sql is not named"),
        (None, "0002_two.rollback.sql", "0002_two lacks its rollback"),
        (None, "0002_two.sql", "0002_two lacks its migration"),
    ],
)
def test_disorder_among_files_is_refused_by_name(
    folder: Path, add: str | None, remove: str | None, problem: str
) -> None:
    """Given a gap, a duplicate, a bad name or half a migration, when read, then it is named."""
    if add is not None:
        write(folder, add, "SELECT 1;", "SELECT 1;")
    if remove is not None:
        (folder / remove).unlink()
    with pytest.raises(SchemaError) as caught:
        read_migrations(folder)
    assert problem in str(caught.value)


def test_empty_folder_is_refused(tmp_path: Path) -> None:
    """Given no files, when read, then it is an error and not a migrated database."""
    with pytest.raises(SchemaError, match="no migrations"):
        read_migrations(tmp_path)


def test_pending_migration_is_reported(migrator_of: MigratorOf, folder: Path) -> None:
    """Given a migrated database, when a migration is added, then it is pending and nothing drifted."""
    migrator_of(folder).up()
    write(folder, "0003_three", "CREATE TABLE three (id integer);", "DROP TABLE three;")
    status = migrator_of(folder).status()
    assert (status.pending, status.drift) == (("0003_three",), ())


@pytest.mark.parametrize(
    ("change", "drift"),
    [
        ("ALTER TABLE invoices ADD COLUMN extra integer", "unexpected: column invoices.extra"),
        ("ALTER TABLE invoices DROP COLUMN footer", "missing: column invoices.footer"),
        ("ALTER TABLE invoices ALTER COLUMN total TYPE integer", "changed: column invoices.total"),
        ("DROP POLICY customer_reads_own ON customers", "missing: policy customers.customer_reads_own"),
        ("ALTER TABLE invoices NO FORCE ROW LEVEL SECURITY", "changed: table invoices"),
        ("ALTER TABLE users DROP CONSTRAINT users_role_check", "missing: constraint users.users_role_check"),
        ("DROP INDEX invoices_customer_idx", "missing: index invoices_customer_idx"),
        ("GRANT SELECT ON users TO billing_api", "unexpected: grant on users to billing_api"),
        (
            "GRANT UPDATE (name) ON customers TO billing_api",
            "unexpected: grant on customers.name to billing_api",
        ),
        (
            "ALTER FUNCTION authenticate_api_key SECURITY INVOKER",
            "changed: function authenticate_api_key(bytea)",
        ),
        ("DROP TABLE stripe_webhook_events", "missing: table stripe_webhook_events"),
    ],
)
def test_change_by_hand_is_named(
    database: DatabaseSettings,
    database_secrets: dict[str, Credentials],
    owner: Connection,
    change: str,
    drift: str,
) -> None:
    """Given a migrated database, when somebody changes it by hand, then status names what is different."""
    migrator = Migrator(Database(database, lambda _: database_secrets[OWNER]), MIGRATIONS)
    assert migrator.status().drift == ()
    owner.execute(change)
    assert drift in migrator.status().drift


def test_login_is_set_once_and_hides_the_password(
    migrator: Migrator, postgres_server: PostgresServer, database_secrets: dict[str, Credentials]
) -> None:
    """Given a role, when its login is ensured twice, then one changes it, and no log has the password."""
    with psycopg.connect(postgres_server.superuser_dsn, autocommit=True) as root:
        root.execute("ALTER SYSTEM SET log_statement = 'all'")
        root.execute("SELECT pg_reload_conf()")
        root.execute(f"CREATE ROLE fresh NOLOGIN; GRANT fresh TO {OWNER} WITH ADMIN OPTION")
        try:
            assert migrator.ensure_login("fresh", "a-fresh-password") is True
            assert migrator.ensure_login("fresh", "a-fresh-password") is False
            assert migrator.ensure_login("fresh", "another-password") is True
        finally:
            root.execute("DROP ROLE fresh")
            root.execute("ALTER SYSTEM RESET log_statement")
            root.execute("SELECT pg_reload_conf()")
    log = postgres_server.log.read_text()
    assert 'ALTER ROLE "fresh" LOGIN PASSWORD \'SCRAM-SHA-256$' in log
    assert "a-fresh-password" not in log
    assert "another-password" not in log


def test_login_of_an_unknown_role_is_refused(migrator: Migrator) -> None:
    """Given no such role, when its login is ensured, then the message names it."""
    with pytest.raises(SchemaError, match="nobody_at_all"):
        migrator.ensure_login("nobody_at_all", "x")


def test_migrations_survive_a_copy(tmp_path: Path) -> None:
    """Given the project's migrations, when copied as the deploy does, then they read the same."""
    copied = shutil.copytree(MIGRATIONS, tmp_path / "migrations")
    assert read_migrations(copied) == read_migrations(MIGRATIONS)
