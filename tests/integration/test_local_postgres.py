from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest

from billing.adapters.postgres.connection import Credentials, Database, Statement
from billing.domain.errors import UnavailableError
from local.ports import any_free_port
from local.postgres import PostgresServer
from local.postgres_place import POSTGRES_ACCOUNTS, Account, find_place, usable_binaries
from local.problems import LocalCloudError
from tests.fixtures.postgres import settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
ONE = Statement("SELECT 1 AS one")


@pytest.fixture(scope="module")
def said() -> list[str]:
    return []


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, said: list[str]) -> Iterator[PostgresServer]:
    """Yield a server of this module's own, that tests stop and start."""
    made = PostgresServer(tmp_path_factory.mktemp("own"), any_free_port(), durable=False, say=said.append)
    made.start()
    yield made
    made.remove()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Yield a folder that every account can enter, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        folder.chmod(0o755)
        yield folder


def answers(dsn: str) -> bool:
    with psycopg.connect(dsn) as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)


def again(server: PostgresServer, said: list[str]) -> PostgresServer:
    """Return a launcher that knows nothing but the folder and the port, as after a restart."""
    return PostgresServer(server._state, server.port, durable=False, say=said.append)  # noqa: SLF001 - same folder


def test_owner_is_no_superuser_and_owns_the_database(server: PostgresServer) -> None:
    """Given a started server, when the owner connects, then it may make roles but is no superuser."""
    with psycopg.connect(server.owner_dsn) as connection:
        row = connection.execute(
            "SELECT rolsuper, rolcreaterole, pg_get_userbyid(datdba) FROM pg_roles, pg_database"
            " WHERE rolname = current_user AND datname = current_database()"
        ).fetchone()
    assert row == (False, True, "billing_owner")


def test_passwords_are_random_private_and_needed(server: PostgresServer) -> None:
    """Given a started server, when looked at, then its passwords are private and a wrong one is refused."""
    file = server._state / "postgres-passwords.json"  # noqa: SLF001 - the file is the launcher's promise
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert server.password("postgres") != server.password("billing_owner")
    with pytest.raises(psycopg.OperationalError):
        answers(server.superuser_dsn.replace(server.password("postgres"), "postgres"))


def test_only_the_loopback_listens(server: PostgresServer) -> None:
    """Given a started server, when its sockets are listed, then it listens on 127.0.0.1 and nowhere else."""
    assert server.pid is not None
    found = psutil.Process(server.pid).net_connections("all")
    listening = [each.laddr for each in found if each.status == psutil.CONN_LISTEN]
    assert [address.ip for address in listening] == ["127.0.0.1"]
    assert not [each for each in found if each.family.name == "AF_UNIX" and each.laddr]


def test_stopped_server_is_unavailable_until_it_is_back(server: PostgresServer) -> None:
    """Given an open connection, when the server stops and starts again, then 'unavailable', then answers."""
    credentials = Credentials("billing_owner", server.password("billing_owner"))
    with Database(settings_of(server, "billing"), lambda _: credentials) as database:
        assert database.query(ONE) == [{"one": 1}]
        server.stop()
        assert server.pid is None
        for _ in range(2):
            with pytest.raises(UnavailableError):
                database.query(ONE)
        server.start()
        assert database.query(ONE) == [{"one": 1}]


def test_server_that_lost_its_launcher_is_taken_over(server: PostgresServer, said: list[str]) -> None:
    """Given a launcher that was killed, when another starts there, then the server goes on and is told."""
    pid = server.pid
    heir = again(server, said)
    heir.start()
    assert (heir.pid, said[-1]) == (pid, f"PostgreSQL still runs as process {pid}; it is taken over.")
    assert answers(heir.owner_dsn)


def test_kill_9_of_the_launcher_leaves_a_server_to_adopt(tmp_path: Path) -> None:
    """Given a launcher killed right after its start, when another starts, then it works until removed."""
    port = any_free_port()
    script = (
        "import os, signal; from pathlib import Path; from local.postgres import PostgresServer;"
        f"PostgresServer(Path({str(tmp_path)!r}), {port}, durable=False).start();"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    paths = os.pathsep.join([str(ROOT), str(ROOT / "layers/common")])
    killed = subprocess.run(  # noqa: S603 - the script is the one above
        [sys.executable, "-c", script], check=False, env=os.environ | {"PYTHONPATH": paths}
    )
    assert killed.returncode < 0
    server = PostgresServer(tmp_path, port, durable=False, say=lambda _: None)
    server.start()
    assert answers(server.owner_dsn)
    server.stop()
    assert server.pid is None
    place = server.log.parent
    server.remove()
    assert not place.exists()
    assert list(tmp_path.glob("*password*")) == []


def test_crashed_server_starts_again(server: PostgresServer, said: list[str]) -> None:
    """Given a server killed with -9 and its pid a stranger's, when started, then it comes up anew."""
    assert server.pid is not None
    pid_file = server.log.with_name("data") / "postmaster.pid"
    old = psutil.Process(server.pid)
    old.kill()
    old.wait()
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    server.start()
    assert server.pid not in {None, old.pid, os.getpid()}
    assert answers(server.owner_dsn)


def test_taken_port_is_said_at_once(server: PostgresServer, tmp_path: Path) -> None:
    """Given a port that somebody has, when a server is to start there, then the message names the port."""
    late = PostgresServer(tmp_path, server.port, durable=False, say=lambda _: None)
    with pytest.raises(LocalCloudError, match=str(server.port)):
        late.start()
    late.remove()


def test_other_port_moves_the_server(server: PostgresServer, said: list[str]) -> None:
    """Given a running server, when started for another port, then it moves there with its data."""
    with psycopg.connect(server.owner_dsn) as connection:
        connection.execute("CREATE TABLE kept (id integer)")
    moved = PostgresServer(server._state, any_free_port(), durable=False, say=said.append)  # noqa: SLF001
    moved.start()
    with psycopg.connect(moved.owner_dsn) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
    moved.stop()
    server.start()
    assert answers(server.owner_dsn)


def test_place_inside_the_state_is_private(open_folder: Path) -> None:
    """Given a folder that the server's account can enter, when asked for a place, then it is in there."""
    account = Account.to_run_as(POSTGRES_ACCOUNTS)
    said: list[str] = []
    place = find_place(open_folder, account, said.append)
    assert place == open_folder / "postgres"
    assert (stat.S_IMODE(place.stat().st_mode), place.stat().st_uid) == (0o700, account.uid)
    assert said == []


def test_squatted_place_is_refused(tmp_path: Path) -> None:
    """Given a link where the data should go, when the place is found, then it is not followed."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "postgres").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LocalCloudError, match="belongs to somebody else"):
        find_place(tmp_path, Account.to_run_as(POSTGRES_ACCOUNTS), print)


def test_binaries_are_copied_where_the_account_cannot_reach_them(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given binaries that the account cannot run in place, when asked for, then a copy runs."""
    account = Account.to_run_as(POSTGRES_ACCOUNTS)
    real = Account.can
    monkeypatch.setattr(
        Account, "can", lambda self, command: str(open_folder) in command[0] and real(self, command)
    )
    binaries = usable_binaries(open_folder, account)
    assert binaries.is_relative_to(open_folder)
    assert usable_binaries(open_folder, account) == binaries
