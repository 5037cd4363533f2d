"""Children of the local cloud: each in a session of its own, found again by pid and start time."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import psutil

from local.files import read_json, write_private_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

# The start time is the boot time plus ticks; the clock may be stepped a little between two readings.
_SAME_START_SECONDS = 2.0
_KILL_GRACE_SECONDS = 5.0
_POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """What is remembered about a process: a pid alone may have been given to a stranger meanwhile."""

    pid: int
    started: float
    version: str = ""


class ProcessTable:
    """The processes of one local cloud, kept in a file so that the next run finds them.

    Each change is written at once: after a kill -9 the file tells the next run whom to take over or replace.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def remember(self, name: str, pid: int, version: str = "") -> None:
        """Record a running process under a name; one that has ended already is not recorded.

        `version` stands for the code and the arguments that it runs.
        """
        with suppress(psutil.NoSuchProcess):
            started = psutil.Process(pid).create_time()
            self._write({**self._read(), name: ProcessRecord(pid, started, version)})

    def forget(self, name: str) -> None:
        """Drop the record; the process itself is not touched."""
        self._write({key: record for key, record in self._read().items() if key != name})

    def names(self) -> tuple[str, ...]:
        """Return all recorded names, running or not."""
        return tuple(self._read())

    def version(self, name: str) -> str:
        """Return the version that was recorded with a process; empty when there is none."""
        record = self._read().get(name)
        return "" if record is None else record.version

    def find(self, name: str) -> psutil.Process | None:
        """Return the recorded process if that very process still runs, else None."""
        record = self._read().get(name)
        return None if record is None else find_process(record)

    def _read(self) -> dict[str, ProcessRecord]:
        content = read_json(self._path)
        return {
            name: ProcessRecord(int(entry["pid"]), float(entry["started"]), str(entry.get("version", "")))
            for name, entry in content.items()
            if isinstance(entry, dict) and "pid" in entry and "started" in entry
        }

    def _write(self, records: Mapping[str, ProcessRecord]) -> None:
        write_private_json(
            self._path,
            {name: asdict(record) for name, record in records.items()},
        )


def find_process(record: ProcessRecord) -> psutil.Process | None:
    """Return the process if it runs and began when the record says, else None."""
    try:
        process = psutil.Process(record.pid)
        began = process.create_time()
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
    except psutil.NoSuchProcess:
        return None
    return process if abs(began - record.started) < _SAME_START_SECONDS else None


def start_process(
    argv: Sequence[str | Path], *, log: Path, env: Mapping[str, str], cwd: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own, so that Ctrl-C reaches only the supervisor.

    What it prints goes to the end of the log.

    Raises
    ------
    OSError
        The program cannot be started.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            [str(part) for part in argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
        )


def stop_process(
    process: psutil.Process, *, first: signal.Signals = signal.SIGTERM, grace: float = 10.0
) -> bool:
    """Ask a process to end and kill it with its group if it does not; return whether it ended by itself."""
    try:
        process.send_signal(first)
        # One that is halted could not even hear it.
        process.send_signal(signal.SIGCONT)
    except psutil.NoSuchProcess:
        return True
    if has_ended(process, grace):
        return True
    with suppress(ProcessLookupError):
        # Only a group that the process leads is ours to kill.
        if os.getpgid(process.pid) == process.pid:
            os.killpg(process.pid, signal.SIGKILL)
    with suppress(psutil.NoSuchProcess):
        process.kill()
    has_ended(process, _KILL_GRACE_SECONDS)
    return False


def has_ended(process: psutil.Process, seconds: float) -> bool:
    """Return whether the process ends in this time.

    One that waits to be reaped has ended: its parent may be a container's first process, which reaps late
    or never, so waiting for the pid to go would wait for that.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(_POLL_SECONDS)
    return False
