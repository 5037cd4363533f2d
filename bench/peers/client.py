"""Other programs that apply events: started warm, told to go at once, and asked for their times."""

from __future__ import annotations

import json
import os
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from statistics import median
from typing import TYPE_CHECKING, Any, Self

from bench.event_client import Clocked
from bench.payloads import SECRET, numbered, paid_event
from local.stripe_standin.delivery import signature

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Peer:
    """A program that takes `migrate` or `client`, reads settings from PEER, and speaks as client.mjs does.

    `name` is what it is and its version, `stored` its table of invoices. A client applies `warm_up` events
    before it is timed: V8 needs more of them than CPython.
    """

    key: str
    name: str
    command: tuple[str, ...]
    settings: dict[str, Any]
    stored: str
    warm_up: int


def migrate(peer: Peer) -> None:
    """Bring the peer's own schema about.

    Raises
    ------
    RuntimeError
        It failed.
    """
    done = subprocess.run(
        [*peer.command, "migrate"],
        env=_environment(peer.settings),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{peer.name} does not migrate: {done.stderr[-2000:]}")


def apply_events(
    peer: Peer, scratch: Path, clients: int, each: int, numbers: Iterator[int]
) -> tuple[float, float]:
    """Return the median milliseconds of an event, and events per second of all clients.

    Every client is a warm process of its own; `numbers` are unique in a database.

    Raises
    ------
    RuntimeError
        A client failed.
    """
    with ExitStack() as stack:
        running = [
            stack.enter_context(_Client(peer, scratch / f"{peer.key}-{number}", number, each))
            for number in (next(numbers) for _ in range(clients))
        ]
        for client in running:
            client.wait_until_warm()
        for client in running:
            client.go()
        done = [client.result() for client in running]
    wall = max(one.ended for one in done) - min(one.began for one in done)
    return median(chain(*(one.milliseconds for one in done))), clients * each / wall


class _Client:
    """One process; its messages to nobody are kept in a file, for when it fails."""

    def __init__(self, peer: Peer, folder: Path, number: int, events: int) -> None:
        self._peer = peer
        self._said = folder / "stderr"
        self._events = folder / "events"
        folder.mkdir()
        template = paid_event()
        bodies = (numbered(template, f"{number:03x}{n:05x}") for n in range(peer.warm_up + events))
        now = int(time.time())
        lines = (
            json.dumps({"body": body.decode(), "signature": signature(body, SECRET, now)}) for body in bodies
        )
        self._events.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def __enter__(self) -> Self:
        settings = {**self._peer.settings, "events": str(self._events), "warm": self._peer.warm_up}
        with self._said.open("w") as said:
            self._process = subprocess.Popen(
                [*self._peer.command, "client"],
                env=_environment(settings),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._events.unlink()

    def wait_until_warm(self) -> None:
        if self._line() != "ready":
            raise self._failure()

    def go(self) -> None:
        if self._process.stdin is None:
            raise self._failure()
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def result(self) -> Clocked:
        try:
            said = json.loads(self._line())
        except json.JSONDecodeError:
            raise self._failure() from None
        return Clocked(said["milliseconds"], said["began"], said["ended"])

    def _line(self) -> str:
        return "" if self._process.stdout is None else self._process.stdout.readline().strip()

    def _failure(self) -> RuntimeError:
        return RuntimeError(f"{self._peer.name} failed: {self._said.read_text(encoding='utf-8')[-2000:]}")


def _environment(settings: dict[str, Any]) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PEER": json.dumps({"secret": SECRET, **settings})}
