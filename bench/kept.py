"""What is built once and kept from run to run; several runs at a time may build the same."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.harness import Run

_UNUSED_SECONDS = 86_400.0


def kept(run: Run, name: str, digest: str, build: Callable[[Path], None]) -> Path:
    """Return the folder of this name and digest; `build` fills an empty one where there is none yet.

    Folders of the name that nobody has used for a day are deleted.
    """
    place = run.kept / f"{name}-{digest[:16]}"
    if not place.exists():
        run.say(f"building {name}")
        fresh = Path(tempfile.mkdtemp(prefix=f"{name}-", suffix="-new", dir=run.kept))
        fresh.chmod(0o755)
        try:
            build(fresh)
            if not place.exists():
                fresh.rename(place)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    os.utime(place)
    for old in run.kept.glob(f"{name}-*"):
        if time.time() - old.stat().st_mtime > _UNUSED_SECONDS:
            shutil.rmtree(old, ignore_errors=True)
    return place
