"""Which ports the local cloud takes, against real sockets."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from local.port_plan import plan_ports
from local.ports import LOOPBACK, PREFERRED, any_free_port, choose_port, is_free
from local.problems import LocalCloudError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def listening(port: int = 0) -> Iterator[int]:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((LOOPBACK, port))
        server.listen()
        yield int(server.getsockname()[1])


def nobody(_name: str) -> bool:
    return False


def test_the_preferred_port_is_taken_when_free() -> None:
    """Given a free port, when it is preferred, then it is chosen."""
    port = any_free_port()
    assert choose_port(port) == port


def test_a_port_with_a_listener_is_passed_over() -> None:
    """Given somebody listens on the preferred port, when one is chosen, then it is a higher and free one."""
    with listening() as taken:
        chosen = choose_port(taken)
        assert chosen > taken
        assert is_free(chosen)


def test_a_port_promised_to_another_part_is_passed_over() -> None:
    """Given a free port that another part is to get, when one is chosen, then it is not that one."""
    port = any_free_port()
    assert choose_port(port, frozenset({port})) != port


def test_without_a_free_port_it_says_so() -> None:
    """Given all ports from the preferred one on are promised away, when one is chosen, then it is refused."""
    with pytest.raises(LocalCloudError, match="no free port"):
        choose_port(65530, frozenset(range(65530, 65536)))


def test_parts_keep_the_ports_that_they_had() -> None:
    """Given ports of the last run, still free, when they are planned anew, then they are the same."""
    before = {name: any_free_port() for name in PREFERRED}
    said: list[str] = []
    assert plan_ports(before, offset=0, ours=nobody, say=said.append) == before
    assert said == []


def test_a_part_whose_port_was_taken_moves_and_it_is_said() -> None:
    """Given a stranger on a remembered port, when ports are planned, then that part alone moves, audibly."""
    before = {name: any_free_port() for name in PREFERRED}
    said: list[str] = []
    with listening(before["aws"]):
        after = plan_ports(before, offset=0, ours=nobody, say=said.append)
    assert after["aws"] != before["aws"]
    assert {**after, "aws": 0} == {**before, "aws": 0}
    assert len(said) == 1
    assert f"Port {before['aws']} is taken" in said[0]


def test_a_running_part_keeps_its_port_although_it_is_taken() -> None:
    """Given our own part listens on its remembered port, when ports are planned, then it stays there."""
    before = {name: any_free_port() for name in PREFERRED}
    with listening(before["postgres"]):
        after = plan_ports(before, offset=0, ours=lambda name: name == "postgres", say=pytest.fail)
    assert after == before


def test_the_offset_keeps_two_local_clouds_apart() -> None:
    """Given nothing remembered, when ports are planned with an offset, then each is at least that far up."""
    after = plan_ports({}, offset=3000, ours=nobody, say=lambda _: None)
    assert all(after[name] >= preferred + 3000 for name, preferred in PREFERRED.items())
    assert len(set(after.values())) == len(after)
