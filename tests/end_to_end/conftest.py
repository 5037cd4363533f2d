"""One local cloud for all end-to-end tests: deployed by `make dev`'s own command, driven over HTTP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).parents[2]


def local(
    command: str, *arguments: str, state: Path, timeout: float = 600
) -> subprocess.CompletedProcess[str]:
    """Run `python -m local …` against a state folder of its own and return what it printed."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "STRIPE_API_KEY"))}
    environment["BILLING_LOCAL_DIR"] = str(state)
    return subprocess.run(  # noqa: S603 -- our own command
        [sys.executable, "-m", "local", command, *arguments],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@pytest.fixture(scope="session")
def local_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Deploy the system into a local cloud of its own, yield its state folder, and stop it."""
    state = tmp_path_factory.mktemp("cloud")
    started = local("dev", "--detach", state=state)
    try:
        assert started.returncode == 0, started.stdout[-6000:] + started.stderr[-6000:]
        yield state
    finally:
        local("stop", state=state, timeout=120)


@pytest.fixture(scope="session")
def endpoints(local_cloud: Path) -> dict[str, Any]:
    """Return what `make dev` wrote to endpoints.json."""
    found: dict[str, Any] = json.loads((local_cloud / "endpoints.json").read_text())
    return found
