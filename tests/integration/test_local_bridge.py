"""The way from containers to the local cloud."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from local.bridge import Bridge, address_in_containers
from local.problems import LocalCloudError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Another address of the loopback interface stands for that of the containers' network.
HOST = "127.0.0.2"


@pytest.fixture
def echo() -> Iterator[int]:
    """Yield the port of 127.0.0.1 where everything that is sent comes back once the sender has ended."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, connection.makefile("rwb") as stream:
                        stream.write(stream.read())

        thread = threading.Thread(target=serve)
        thread.start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def _echoed(port: int, content: bytes) -> bytes:
    with socket.create_connection((HOST, port), timeout=10) as connection:
        connection.sendall(content)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as stream:
            return stream.read()


def test_what_is_sent_comes_through_both_ways(echo: int) -> None:
    """Given an open bridge, when a megabyte goes through and the sender ends, then all of it comes back."""
    content = bytes(range(256)) * 4096
    with Bridge(HOST, [echo]):
        assert _echoed(echo, content) == content


def test_a_bridge_that_is_closed_leads_nowhere(echo: int) -> None:
    """Given a bridge that was open, when it is closed, then its port refuses connections."""
    with Bridge(HOST, [echo]):
        assert _echoed(echo, b"1") == b"1"
    with pytest.raises(ConnectionRefusedError):
        _echoed(echo, b"2")


def test_a_second_bridge_leaves_the_first_alone(echo: int) -> None:
    """Given an open bridge, when a second one opens and closes, then the first leads on."""
    with Bridge(HOST, [echo]):
        with Bridge(HOST, [echo]):
            assert _echoed(echo, b"1") == b"1"
        assert _echoed(echo, b"2") == b"2"


def test_an_address_of_another_machine_needs_no_bridge(echo: int) -> None:
    """Given an address that is not of this machine, when a bridge opens, then nothing is wrong."""
    with Bridge("192.0.2.1", [echo]):
        pass


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        ("echo 'Cannot connect to the daemon' >&2; exit 1", "Cannot connect to the daemon"),
        (None, "there is no `docker` here"),
    ],
)
def test_without_an_engine_the_message_says_so(
    engine: str | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given no engine that answers, when its address is asked for, then the error says what is wrong."""
    if engine is not None:
        program = tmp_path / "docker"
        program.write_text(f"#!/bin/sh\n{engine}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalCloudError, match=said):
        address_in_containers("image")


def test_the_address_is_what_the_container_has_for_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a container's hosts file, when the address is asked for, then it is this machine's line."""
    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\nprintf '127.0.0.1\\tlocalhost\\n172.18.0.1\\tthis-machine\\n'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert address_in_containers("image") == "172.18.0.1"
