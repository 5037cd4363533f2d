from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from billing.adapters.postgres.connection import Credentials, Database, Statement
from billing.domain.errors import UnavailableError
from billing.settings import DatabaseSettings, SettingsError
from local.ports import any_free_port
from local.postgres import DATABASE, HOST, OWNER
from tests.support.certificates import Authority
from tests.support.tls_postgres import TlsPostgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.certificates import Certificate

ENCRYPTED = Statement("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")


@dataclass(frozen=True, slots=True)
class World:
    """A server, the certificates that it may present, and the roots that a client may trust."""

    server: TlsPostgres
    certificates: dict[str, Certificate | None]
    roots: dict[str, str]

    def settings(self, roots: str) -> DatabaseSettings:
        """Return the settings of a function that is told nothing about TLS but the roots."""
        return DatabaseSettings.from_environment(
            {
                "DATABASE_HOST": HOST,
                "DATABASE_PORT": str(self.server.port),
                "DATABASE_NAME": DATABASE,
                "DATABASE_SECRET_ID": "unused",
                "DATABASE_SSL_ROOT_CERT": self.roots[roots],
            }
        )

    def credentials(self) -> Credentials:
        """Return the owner's name and password."""
        return Credentials(OWNER, self.server.password(OWNER))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("tls")
    ours, foreign = Authority(folder, "ours"), Authority(folder, "foreign")
    server = TlsPostgres(folder, any_free_port(), durable=False, say=lambda _: None)
    server.start()
    certificates = {
        "good": ours.sign("good", "localhost", HOST),
        "of another host": ours.sign("other", "db.example.com"),
        "expired": ours.sign("expired", "localhost", HOST, expired=True),
        "none": None,
    }
    yield World(server, certificates, {"ours": str(ours.root), "foreign": str(foreign.root), "public": ""})
    server.remove()


@pytest.mark.parametrize("host", ["localhost", HOST])
def test_verified_server_is_talked_to_encrypted(world: World, host: str) -> None:
    """Given a certificate of the CA we trust for this host, when connecting, then it is encrypted (20)."""
    world.server.present(world.certificates["good"])
    settings = replace(world.settings("ours"), host=host)
    assert settings.ssl_mode == "verify-full"
    with Database(settings, lambda _: world.credentials()) as database:
        assert database.query(ENCRYPTED) == [{"ssl": True}]


@pytest.mark.parametrize(
    ("certificate", "roots", "reason"),
    [
        ("good", "foreign", "certificate verify failed"),
        ("good", "public", "certificate verify failed"),
        ("of another host", "ours", "does not match host name"),
        ("expired", "ours", "certificate verify failed"),
        ("none", "ours", "does not support SSL"),
    ],
)
def test_unverified_server_is_not_talked_to(
    world: World,
    certificate: str,
    roots: str,
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Given a server that cannot prove itself, when connecting, then 'unavailable', never plain (20)."""
    monkeypatch.setenv("HOME", str(tmp_path))  # libpq's own place for roots is as empty as in a Lambda
    world.server.present(world.certificates[certificate])
    settings = world.settings(roots)
    asked: list[bool] = []

    def credentials(refresh: bool) -> Credentials:
        asked.append(refresh)
        return world.credentials()

    with Database(settings, credentials) as database, pytest.raises(UnavailableError) as caught:
        database.query(ENCRYPTED)
    assert caught.value.dependency == "database"
    assert reason in str(caught.value.__cause__)
    assert asked == [False]
    with Database(replace(settings, ssl_mode="disable"), credentials) as plain:
        assert plain.query(ENCRYPTED) == [{"ssl": False}]  # nothing but the proof was missing


def test_missing_file_of_roots_is_a_wrong_setting(world: World, tmp_path: Path) -> None:
    """Given a root certificate file that is not there, when connecting, then the variable is named."""
    world.server.present(world.certificates["good"])
    settings = replace(world.settings("ours"), ssl_root_cert=str(tmp_path / "missing.pem"))
    asked: list[bool] = []

    def credentials(refresh: bool) -> Credentials:
        asked.append(refresh)
        return world.credentials()

    with (
        Database(settings, credentials) as database,
        pytest.raises(SettingsError, match=r"DATABASE_SSL_ROOT_CERT"),
    ):
        database.query(ENCRYPTED)
    assert asked == [False]
