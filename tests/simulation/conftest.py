from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from simulation.play import Theatre
from simulation.server import running_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulation.server import Server


@pytest.fixture(scope="session")
def simulation_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a server of the simulation's own: it dies now and then, which must not hit other tests."""
    with running_server(tmp_path_factory.mktemp("simulation"), lambda _: None) as server:
        yield server


@pytest.fixture
def theatre(simulation_server: Server) -> Iterator[Theatre]:
    opened = Theatre(simulation_server)
    yield opened
    opened.close()
