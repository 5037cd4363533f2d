"""Row d: how long a fresh process needs before a function can serve, and how much memory it then holds.

A busy machine moves the time that passes; it moves the CPU's time, in which no other process counts, less.
"""

from __future__ import annotations

import compileall
import os
import shutil
import subprocess
import sys
import time
from statistics import median
from typing import TYPE_CHECKING

from bench.harness import Result, Target, interleaved
from bench.layer import common_layer
from bench.secrets_stub import running_secrets
from bench.start_files import EMPTY, ENVIRONMENT, FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from bench.harness import Run

_SECRET = {
    "username": "bench",
    "password": "bench",
    "api_key": "sk_bench",
    "webhook_secrets": ["whsec_bench"],
}
# VmHWM, because ru_maxrss begins with what the parent held. os._exit, because Lambda never ends a process.
_RUN = """
import sys
sys.path[:0] = sys.argv[2:]
__import__(sys.argv[1])
with open("/proc/self/status") as status:
    peak = [line.split()[1] for line in status if line.startswith("VmHWM:")]
print(*peak, flush=True)
import os
os._exit(0)
"""
_STARTED = Target("ratio", 1.25)
_LARGEST = Target("absolute", 128)


def measure(run: Run) -> Iterator[Result]:
    """Yield every function beside an empty one and beside its libraries alone, and its memory."""
    layer = common_layer(run)
    place = run.scratch / "start"
    libraries = {start.libraries: f"libraries_{number}" for number, start in enumerate(FUNCTIONS.values())}
    _write(place, run.project / "functions", libraries)
    memory: dict[str, float] = {}
    burnt: dict[str, list[float]] = {}
    with running_secrets(_SECRET) as endpoint:
        environment = {
            **ENVIRONMENT,
            "AWS_ENDPOINT_URL": endpoint,
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
        }

        def start(key: str, module: str, folder: Path) -> Callable[[], float]:
            def work() -> float:
                taken, cpu, memory[key] = _start(module, [folder, layer], environment)
                burnt.setdefault(key, []).append(cpu)
                return taken

            return work

        work = {"empty": start("empty", "empty", place)}
        for module in libraries.values():
            work[module] = start(module, module, place)
        for name in FUNCTIONS:
            for stage, module in (("import", "app"), ("ready", "ready")):
                key = f"{name}: {stage}"
                work[key] = start(key, module, place / name)
        run.say("starting every function")
        for one in [] if run.quick else work.values():
            one()  # brings the files into memory
        taken = interleaved(run.size(15, 1), work)
    for name, function in FUNCTIONS.items():
        floor, ready = libraries[function.libraries], f"{name}: ready"
        yield Result(
            "d", f"{name}, imported", "ms", taken[f"{name}: import"], taken["empty"], "an empty handler"
        )
        yield Result(
            "d", f"{name}, ready", "ms", taken[ready], taken[floor], f"imports: {function.named}", _STARTED
        )
        yield Result(
            "d",
            f"{name}, ready, CPU",
            "ms",
            median(burnt[ready]),
            median(burnt[floor]),
            f"imports: {function.named}",
        )
        yield Result(
            "d", f"{name}, peak memory", "MB", memory[ready], memory[floor], "the same imports", _LARGEST
        )


def _write(place: Path, functions: Path, libraries: Mapping[str, str]) -> None:
    place.mkdir()
    (place / "empty.py").write_text(EMPTY, encoding="utf-8")
    for text, module in libraries.items():
        (place / f"{module}.py").write_text(f"{text}\n{EMPTY}", encoding="utf-8")
    for name, function in FUNCTIONS.items():
        (place / name).mkdir()
        shutil.copy(functions / name / "app.py", place / name / "app.py")
        (place / name / "ready.py").write_text(function.ready, encoding="utf-8")
    compileall.compile_dir(place, quiet=1)


def _start(module: str, path: list[Path], environment: Mapping[str, str]) -> tuple[float, float, float]:
    """Return milliseconds from nothing to the module's last line, those of CPU, and peak memory in MB."""
    folders = [str(folder) for folder in path]
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-S", "-E", "-s", "-P", "-c", _RUN, module, *folders],
        env=dict(environment),
        stdout=subprocess.PIPE,
        cwd="/",
    ) as process:
        said = process.stdout.read() if process.stdout else b""
        _, status, used = os.wait4(process.pid, 0)
        taken = (time.perf_counter() - began) * 1000
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{module} of {folders[0]} does not start")
    return taken, (used.ru_utime + used.ru_stime) * 1000, int(said) / 1024
