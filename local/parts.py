"""The parts that run: each is brought up, recognised when it runs already, and stopped in the same way."""

from __future__ import annotations

import hashlib
import os
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import psutil

from local.problems import LocalCloudError
from local.processes import start_process, stop_process

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from local.aws import LocalAws
    from local.processes import ProcessTable

_START_SECONDS = 30.0
_POLL_SECONDS = 0.1
_ANSWER_SECONDS = 5.0


class Part(Protocol):
    """One server of the local cloud."""

    name: str

    def ensure(self) -> str:
        """Bring it up unless it runs as it should; return what was done, in words for a person.

        Raises
        ------
        LocalCloudError
            It does not come up.
        """
        ...

    def runs(self) -> bool:
        """Return whether its process lives."""
        ...

    def stop(self) -> bool:
        """Stop it if it runs; return whether it did run."""
        ...


class PostgresProcess(Protocol):
    """What is needed of local.postgres.PostgresServer."""

    port: int

    def start(self) -> None:
        """Return when it answers."""
        ...

    def stop(self) -> None:
        """Return when it is gone."""
        ...

    @property
    def pid(self) -> int | None:
        """Its process, if it runs."""
        ...

    @property
    def log(self) -> Path:
        """Where its messages go."""
        ...


@dataclass(frozen=True, slots=True)
class Program:
    """What to run and where; `sources` are the files and folders whose change asks for a restart."""

    command: Sequence[str | Path]
    cwd: Path
    sources: Sequence[Path] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def version(self) -> str:
        """Return a hash of the command, the environment and the code."""
        command = [str(part) for part in self.command]
        digest = hashlib.sha256(repr((command, sorted(self.environment.items()))).encode())
        for source in self.sources:
            for path in sorted(source.rglob("*.py")) if source.is_dir() else [source]:
                digest.update(path.read_bytes())
        return digest.hexdigest()


class ProgramPart:
    """A program of ours that answers HTTP, recorded with the version of its code.

    Without a `health_url` it counts as up as soon as it runs.
    """

    def __init__(
        self,
        name: str,
        program: Program,
        *,
        table: ProcessTable,
        log: Path,
        health_url: str | None,
        answer_seconds: float = _ANSWER_SECONDS,
    ) -> None:
        self.name = name
        self._program = program
        self._version = program.version()
        self._table = table
        self._log = log
        self._health_url = health_url
        self._answer_seconds = answer_seconds
        self._child: subprocess.Popen[bytes] | None = None

    def ensure(self) -> str:
        """Start it; a running one is kept when it answers and runs the same code."""
        process = self._table.find(self.name)
        reason = ""
        if process is not None:
            same = self._table.version(self.name) == self._version
            if same and self._answers():
                return "runs already"
            reason = "replaced: it did not answer" if same else "replaced: its code has changed"
            stop_process(process)
        elif self.name in self._table.names():
            reason = "started again: it had died"
        self._reap()
        self._start()
        return reason or "started"

    def runs(self) -> bool:
        """Return whether its process lives."""
        if self._child is not None:
            self._child.poll()
        return self._table.find(self.name) is not None

    def stop(self) -> bool:
        """Stop it if it runs."""
        process = self._table.find(self.name)
        if process is not None:
            stop_process(process)
        self._reap()
        self._table.forget(self.name)
        return process is not None

    def _reap(self) -> None:
        """Take the exit status of a child of ours that was stopped or died."""
        if self._child is not None:
            if self._child.poll() is None:
                # Its record is gone, so nobody has stopped it.
                stop_process(psutil.Process(self._child.pid))
            self._child.wait()
            self._child = None

    def _start(self) -> None:
        environment = {**os.environ, **self._program.environment}
        self._child = start_process(
            self._program.command, log=self._log, env=environment, cwd=self._program.cwd
        )
        self._table.remember(self.name, self._child.pid, self._version)
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._child.poll() is not None:
                raise LocalCloudError(f"{self.name} ended as soon as it began: see {self._log}")
            if time.monotonic() > deadline:
                raise LocalCloudError(f"{self.name} does not answer at {self._health_url}: see {self._log}")
            time.sleep(_POLL_SECONDS)

    def _answers(self) -> bool:
        if self._health_url is None:
            return True
        try:
            with urllib.request.urlopen(self._health_url, timeout=self._answer_seconds):  # noqa: S310 - our own http URL
                return True
        except urllib.error.HTTPError:
            # An answer is an answer: the stand-in wants a key.
            return True
        except (urllib.error.URLError, OSError):
            return False


class AwsPart:
    """The local AWS. `fresh` tells after `ensure` that it was started just now."""

    name = "aws"

    def __init__(self, aws: LocalAws, table: ProcessTable, version: str) -> None:
        self._aws = aws
        self._table = table
        self._version = version

    def ensure(self) -> str:
        """Start it; a running one is kept when it answers and has the same settings."""
        process = self._table.find(self.name)
        reason = ""
        if process is not None:
            same = self._table.version(self.name) == self._version
            if same and self._aws.answers():
                return "runs already"
            reason = "replaced: it did not answer" if same else "replaced: its settings have changed"
            self._aws.stop(process)
        elif self.name in self._table.names():
            reason = "started again: it had died, and what it held is deployed anew"
        self._aws.launch()
        if self._aws.pid is not None:
            self._table.remember(self.name, self._aws.pid, self._version)
        self._aws.wait()
        return reason or "started"

    def runs(self) -> bool:
        """Return whether its process lives."""
        return self._table.find(self.name) is not None

    def stop(self) -> bool:
        """Stop it if it runs; it writes its data first."""
        process = self._table.find(self.name)
        self._aws.stop(process)
        self._table.forget(self.name)
        return process is not None


class PostgresPart:
    """The database; its own launcher recognises a server that runs already."""

    name = "postgres"

    def __init__(self, server: PostgresProcess, table: ProcessTable, log: Path) -> None:
        self._server = server
        self._table = table
        self._log = log

    def ensure(self) -> str:
        """Start it, or take over the one that runs on its data."""
        ran: psutil.Process | None = self._table.find(self.name)
        died = ran is None and self.name in self._table.names()
        self._server.start()
        pid = self._server.pid
        if pid is not None:
            self._table.remember(self.name, pid)
        self._link_log()
        if ran is not None and ran.pid == pid:
            return "runs already"
        return "started again: it had died, its data are whole" if died else "started"

    def runs(self) -> bool:
        """Return whether its process lives."""
        return self._table.find(self.name) is not None

    def stop(self) -> bool:
        """Stop it if it runs."""
        ran = self.runs()
        self._server.stop()
        self._table.forget(self.name)
        return ran

    def _link_log(self) -> None:
        """Show its log beside the others; it lies where the server's account may write."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        if not self._log.is_symlink() or self._log.readlink() != self._server.log:
            self._log.unlink(missing_ok=True)
            self._log.symlink_to(self._server.log)
