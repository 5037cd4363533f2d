"""What the numbers were measured on."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.world import binary

if TYPE_CHECKING:
    from pathlib import Path as Folder


def describe(project: Folder) -> dict[str, Any]:
    """Return the machine, the versions, the commit and how busy the machine is right now."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _output("git", "-C", str(project), "rev-parse", "--short", "HEAD"),
        "changed_files": len(
            _output("git", "-C", str(project), "status", "--porcelain", "--untracked-files=no").splitlines()
        ),
        "cores": os.cpu_count(),
        "cpu": _cpu(),
        "load_before": [round(load, 2) for load in os.getloadavg()],
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "postgresql": _output(str(binary("postgres")), "--version").removeprefix("postgres (PostgreSQL) "),
        "pgbench": _output(str(binary("pgbench")), "--version").removeprefix("pgbench (PostgreSQL) "),
        "node": _output("node", "--version"),
    }


def _cpu() -> str:
    try:
        said = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor()
    found = re.search(r"^model name\s*: (.+)$", said, re.MULTILINE)
    return found[1] if found else platform.processor()


def _output(*command: str) -> str:
    """Return what a command prints, empty where it is not there."""
    if shutil.which(command[0]) is None:
        return ""
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()
