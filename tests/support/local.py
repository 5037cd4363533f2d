"""Runs `python -m local …` as a developer does, against a state folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def local(
    command: str, *arguments: str, state: Path, timeout: float = 600
) -> subprocess.CompletedProcess[str]:
    """Run `python -m local …` against a state folder of its own and return what it printed."""
    return _run("local", command, *arguments, state=state, timeout=timeout)


def operate(*arguments: str, state: Path, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    """Run `python -m operate …` on the local cloud of a state folder and return what it printed."""
    return _run("operate", *arguments, state=state, timeout=timeout)


def _run(module: str, *arguments: str, state: Path, timeout: float) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "STRIPE_API_KEY"))}
    environment["BILLING_LOCAL_DIR"] = str(state)
    environment["PYTHONPATH"] = os.pathsep.join((str(PROJECT / "layers" / "common"), str(PROJECT)))
    return subprocess.run(  # noqa: S603 -- our own command
        [sys.executable, "-m", module, *arguments],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
