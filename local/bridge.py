"""Leads containers to the local cloud, which listens on 127.0.0.1 only.

`sam local` puts containers on the engine's bridge network, also when told `--docker-network host`. Where
the engine runs on this machine, as on Linux, the bridge has an address here that only containers and this
machine can reach: for as long as a Bridge is open, the local cloud's ports are open there, too. Where the
engine is in a virtual machine (Docker Desktop), its address for this machine leads to 127.0.0.1 already.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import subprocess
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, Self

from local.ports import LOOPBACK
from local.problems import LocalCloudError

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from collections.abc import Awaitable, Callable, Iterable, Mapping

_THIS_MACHINE = "this-machine"
_ELSEWHERE = frozenset({errno.EADDRINUSE, errno.EADDRNOTAVAIL})
_CHUNK = 65536
_SECONDS = 300  # the first time, the image is pulled


class Bridge:
    """Forwards TCP from `host` to the same ports of 127.0.0.1 while it is open; a context manager.

    A port that is taken there is left alone: it is another Bridge's, and leads to the same place. Where
    `host` is no address of this machine, there is nothing to do.
    """

    def __init__(self, host: str, ports: Iterable[int]) -> None:
        self._host = host
        self._ports = tuple(ports)
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread: Thread | None = None

    def __enter__(self) -> Self:
        """Listen, and forward from now on."""
        listeners: dict[int, socket.socket] = {}
        for port in self._ports:
            try:
                listeners[port] = socket.create_server((self._host, port))
            except OSError as error:
                if error.errno not in _ELSEWHERE:
                    raise
        self._thread = Thread(target=self._run, args=[listeners], name="bridge")
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        if self._thread is not None:
            self._thread.join()

    def _run(self, listeners: Mapping[int, socket.socket]) -> None:
        # At its end the runner cancels what is being forwarded still.
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve(listeners))

    async def _serve(self, listeners: Mapping[int, socket.socket]) -> None:
        servers = [
            await asyncio.start_server(_forwarder(port), sock=listener)
            for port, listener in listeners.items()
        ]
        await self._stop.wait()
        for server in servers:
            server.close()


def _forwarder(port: int) -> Callable[[StreamReader, StreamWriter], Awaitable[None]]:
    async def forward(reader: StreamReader, writer: StreamWriter) -> None:
        with suppress(OSError):
            beyond_reader, beyond_writer = await asyncio.open_connection(LOOPBACK, port)
            try:
                await asyncio.gather(_pump(reader, beyond_writer), _pump(beyond_reader, writer))
            finally:
                beyond_writer.close()
        writer.close()

    return forward


async def _pump(reader: StreamReader, writer: StreamWriter) -> None:
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()
    writer.write_eof()


def address_in_containers(image: str) -> str:
    """Return the IP address under which containers reach this machine, by asking in one.

    Raises
    ------
    LocalCloudError
        The container engine does not answer, or has no such image; the message says what it said.
    """
    command = ["docker", "run", "--rm", "--add-host", f"{_THIS_MACHINE}:host-gateway"]
    try:
        asked = subprocess.run(
            [*command, "--entrypoint", "cat", image, "/etc/hosts"],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise LocalCloudError("`sam local` needs a container engine, and there is no `docker` here") from None
    except subprocess.TimeoutExpired:
        raise LocalCloudError(f"the container engine does not answer within {_SECONDS} s") from None
    if asked.returncode != 0:
        said = asked.stderr.strip().splitlines()
        raise LocalCloudError(f"no container engine answers: {said[-1] if said else 'start it'}")
    hosts = [line.split() for line in asked.stdout.splitlines()]
    return next(words[0] for words in hosts if _THIS_MACHINE in words[1:])
