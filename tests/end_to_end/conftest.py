"""One local cloud for all end-to-end tests, deployed by `make dev`'s own command and driven over HTTP."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.local import local

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def local_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Deploy the system into a local cloud of its own, yield its state folder, and stop it."""
    state = tmp_path_factory.mktemp("cloud")
    try:
        started = local("dev", "--detach", state=state)
        assert started.returncode == 0, started.stdout[-6000:] + started.stderr[-6000:]
        yield state
    finally:
        local("stop", state=state, timeout=120)


@pytest.fixture(scope="session")
def endpoints(local_cloud: Path) -> dict[str, Any]:
    """Return what `make dev` wrote to endpoints.json."""
    found: dict[str, Any] = json.loads((local_cloud / "endpoints.json").read_text())
    return found
