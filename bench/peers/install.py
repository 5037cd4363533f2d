"""The peers, installed from their lock files and kept until those change."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.kept import kept

if TYPE_CHECKING:
    from bench.harness import Run

_HERE = Path(__file__).parent


class UnavailableError(Exception):
    """A peer cannot run here; the message says why."""


def node_folder(run: Run) -> Path:
    """Return a folder with the drivers in JavaScript and what package-lock.json names.

    Raises
    ------
    UnavailableError
        There is no Node here, or npm fails.
    """
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise UnavailableError("no Node (node and npm) is installed here")

    def install(fresh: Path) -> None:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(_HERE / name, fresh)
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        _run([npm, "ci", *options, "--prefix", str(fresh)], fresh)

    place = kept(run, "peers-node", _digest(_HERE / "package-lock.json"), install)
    for driver in _HERE.glob("*.mjs"):
        shutil.copy(driver, place)
    return place


def django_python(run: Run) -> Path:
    """Return the Python of a venv that has what dj_stripe.txt names.

    Raises
    ------
    UnavailableError
        The pinned uv is not there (`make setup`), or fails.
    """
    uv = run.project / ".local" / "tools" / "uv" / "bin" / "uv"
    if not uv.exists():
        raise UnavailableError("uv is not installed here: run `make setup`")

    def install(fresh: Path) -> None:
        _run([str(uv), "venv", "--quiet", "--relocatable", "--python", sys.executable, "venv"], fresh)
        wanted = ["--require-hashes", str(_HERE / "dj_stripe.txt")]
        _run([str(uv), "pip", "sync", "--quiet", "--python", "venv/bin/python", *wanted], fresh)

    return kept(run, "peers-django", _digest(_HERE / "dj_stripe.txt"), install) / "venv" / "bin" / "python"


def _digest(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise UnavailableError(f"{Path(command[0]).name} failed: {done.stderr.strip()[-500:]}")
