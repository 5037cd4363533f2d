"""Processes of the local cloud: found again after a crash, told from strangers, stopped for certain."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from local.parts import Program, ProgramPart
from local.ports import LOOPBACK, any_free_port
from local.problems import LocalCloudError
from local.processes import (
    ProcessRecord,
    ProcessTable,
    find_process,
    has_ended,
    start_process,
    stop_process,
)
from local.watch import Revivals

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""
SUPERVISOR = """
import sys, time
from pathlib import Path
from local.parts import Program, ProgramPart
from local.processes import ProcessTable
folder, port = Path(sys.argv[1]), sys.argv[2]
program = Program([sys.executable, str(folder / "server.py"), port], folder, [folder / "server.py"])
part = ProgramPart("server", program, table=ProcessTable(folder / "table.json"), log=folder / "server.log",
    health_url=f"http://127.0.0.1:{port}/")
print(part.ensure(), flush=True)
time.sleep(600)
"""


class Fixture:
    """One tiny server as a part, and whoever supervises it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = any_free_port()
        self.table = ProcessTable(folder / "table.json")
        self.parts: list[ProgramPart] = []
        (folder / "server.py").write_text(SERVER)

    def part(self) -> ProgramPart:
        """Return the part as a run of the local cloud that knows nothing of earlier ones makes it."""
        part = ProgramPart(
            "server",
            Program(
                command=[sys.executable, str(self.folder / "server.py"), str(self.port)],
                cwd=self.folder,
                sources=[self.folder / "server.py"],
            ),
            table=self.table,
            log=self.folder / "server.log",
            health_url=f"http://{LOOPBACK}:{self.port}/",
            answer_seconds=1.0,
        )
        self.parts.append(part)
        return part

    def pid(self) -> int:
        """Return the pid of the running server."""
        process = self.table.find("server")
        assert process is not None
        return process.pid


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Fixture]:
    fixture = Fixture(tmp_path)
    yield fixture
    for part in [fixture.part(), *fixture.parts]:
        part.stop()


def test_a_record_of_a_pid_that_was_given_to_another_process_finds_nobody(tmp_path: Path) -> None:
    """Given a record with our own pid but another start time, when it is looked up, then nobody is found."""
    began = psutil.Process().create_time()
    assert find_process(ProcessRecord(os.getpid(), began)) is not None
    assert find_process(ProcessRecord(os.getpid(), began - 3600)) is None


def test_a_table_survives_its_writer_and_a_cut_file(tmp_path: Path) -> None:
    """Given a recorded process, when another table reads the file, then it is found; a cut file is empty."""
    path = tmp_path / "table.json"
    ProcessTable(path).remember("me", os.getpid(), "v1")
    again = ProcessTable(path)
    found = again.find("me")
    assert found is not None
    assert (found.pid, again.version("me")) == (os.getpid(), "v1")
    path.write_text(path.read_text()[:20])
    assert ProcessTable(path).names() == ()


def test_a_process_that_ended_is_not_found(tmp_path: Path) -> None:
    """Given a recorded child that ended and was not reaped, when it is looked up, then nobody is found."""
    table = ProcessTable(tmp_path / "table.json")
    child = start_process(
        [sys.executable, "-c", "input()"], log=tmp_path / "log", env={"PATH": os.environ["PATH"]}
    )
    table.remember("child", child.pid)
    deadline = time.monotonic() + 30
    while table.find("child") is not None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    child.wait()


def test_a_process_that_ignores_the_request_is_killed_with_its_children(tmp_path: Path) -> None:
    """Given a process that ignores SIGTERM and has a child, when it is stopped, then both are gone."""
    log = tmp_path / "log"
    process = start_process([sys.executable, "-c", STUBBORN], log=log, env={"PATH": os.environ["PATH"]})
    deadline = time.monotonic() + 30
    while not log.read_text().strip():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    grandchild = psutil.Process(int(log.read_text()))
    assert stop_process(psutil.Process(process.pid), grace=0.2) is False
    process.wait()
    assert has_ended(grandchild, 10)


def test_a_part_that_runs_is_kept(server: Fixture) -> None:
    """Given a running part, when it is ensured again, then the same process goes on."""
    assert server.part().ensure() == "started"
    before = server.pid()
    assert server.part().ensure() == "runs already"
    assert server.pid() == before


def test_a_part_whose_code_changed_is_replaced(server: Fixture) -> None:
    """Given a running part, when its source changes and it is ensured, then a new process runs."""
    server.part().ensure()
    before = server.pid()
    (server.folder / "server.py").write_text(SERVER + "\n# changed\n")
    assert "code has changed" in server.part().ensure()
    assert server.pid() != before


def test_a_part_that_does_not_answer_is_replaced(server: Fixture) -> None:
    """Given a part that is stopped in its tracks, when it is ensured, then a new process answers."""
    server.part().ensure()
    before = server.pid()
    os.kill(before, signal.SIGSTOP)
    assert "did not answer" in server.part().ensure()
    assert server.pid() != before
    assert not psutil.pid_exists(before) or psutil.Process(before).status() == psutil.STATUS_ZOMBIE


def test_a_killed_part_is_started_again(server: Fixture) -> None:
    """Given a part killed with -9, when it is ensured, then it runs again and says that it had died."""
    part = server.part()
    part.ensure()
    os.kill(server.pid(), signal.SIGKILL)
    while part.runs():
        time.sleep(0.01)
    assert "had died" in part.ensure()
    assert part.runs()


def test_a_part_outlives_a_killed_supervisor_and_is_taken_over(server: Fixture) -> None:
    """Given a supervisor killed with -9, when the part is ensured again, then the running child is kept."""
    supervisor = subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, "-c", SUPERVISOR, str(server.folder), str(server.port)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert supervisor.stdout is not None
    with supervisor.stdout:
        assert supervisor.stdout.readline() == b"started\n"
        before = server.pid()
        supervisor.kill()
        supervisor.wait()
    assert server.part().ensure() == "runs already"
    assert server.pid() == before


def test_a_part_that_ends_at_once_is_told_with_its_log(tmp_path: Path) -> None:
    """Given a program that fails, when the part is ensured, then one sentence names its log."""
    part = ProgramPart(
        "broken",
        Program(command=[sys.executable, "-c", "raise SystemExit(3)"], cwd=tmp_path),
        table=ProcessTable(tmp_path / "table.json"),
        log=tmp_path / "broken.log",
        health_url=f"http://{LOOPBACK}:{any_free_port()}/",
    )
    with pytest.raises(LocalCloudError, match=r"broken ended as soon as it began: see .*broken\.log"):
        part.ensure()


def test_parts_are_brought_back_a_few_times_and_not_for_ever() -> None:
    """Given a limit of two in ten seconds, when a part dies a third time, then it must wait."""
    revivals = Revivals(limit=2, window=10)
    assert [revivals.allow(now) for now in (0, 1, 2)] == [True, True, False]
    assert revivals.allow(10.5)
