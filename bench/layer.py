"""The common layer as a deploy builds it, kept until its sources change."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from bench.kept import kept

if TYPE_CHECKING:
    from pathlib import Path

    from bench.harness import Run


def common_layer(run: Run) -> Path:
    """Return the folder that a function sees as /opt/python, for this machine, with bytecode.

    Raises
    ------
    subprocess.CalledProcessError
        The layer's Makefile failed.
    """
    source = run.project / "layers" / "common"

    def build(fresh: Path) -> None:
        uv = run.project / ".local" / "tools" / "uv" / "bin"
        settings = [f"ARTIFACTS_DIR={fresh}", "LAYER_PLATFORM=host", f"PYTHON={sys.executable}"]
        subprocess.run(
            ["make", "-C", str(source), "build-CommonLayer", *settings],  # noqa: S607 - make is wherever the machine has it
            env={**os.environ, "PATH": f"{uv}{os.pathsep}{os.environ['PATH']}"},
            stdout=subprocess.DEVNULL,
            check=True,
        )

    return kept(run, "common", _digest(source), build) / "python"


def _digest(source: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(source.rglob("*")):
        if file.is_file() and file.suffix != ".pyc":
            digest.update(str(file.relative_to(source)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
