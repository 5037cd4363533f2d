"""Where the local cloud keeps what: tools in the project, data in the state folder."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from local.problems import LocalCloudError

_PYTHON = "python3.13"


@dataclass(frozen=True, slots=True)
class LocalPaths:
    """The project's folder, and the folder that holds one local cloud (two may live side by side)."""

    project: Path
    state: Path

    @classmethod
    def from_environment(cls) -> LocalPaths:
        """Return the paths of this project; BILLING_LOCAL_DIR moves the state elsewhere."""
        project = Path(__file__).resolve().parents[1]
        given = os.environ.get("BILLING_LOCAL_DIR")
        return cls(project, Path(given).resolve() if given else project / ".local")

    @property
    def logs(self) -> Path:
        """The folder with one log for each part."""
        return self.state / "logs"

    def log(self, name: str) -> Path:
        """Return the log file of a part."""
        return self.logs / f"{name}.log"

    @property
    def endpoints(self) -> Path:
        """The file that tells other tools where everything is."""
        return self.state / "endpoints.json"

    @property
    def data(self) -> tuple[Path, ...]:
        """Everything that `reset` deletes: all but the tools and the download caches."""
        kept = {"tools", "cache", "lock"}
        if not self.state.is_dir():
            return ()
        return tuple(sorted(entry for entry in self.state.iterdir() if entry.name not in kept))

    def tool(self, name: str) -> Path:
        """Return a program that `make setup` installs; SAM, MINISTACK or UV in the environment win.

        Raises
        ------
        LocalCloudError
            It is not there.
        """
        path = Path(os.environ.get(name.upper()) or self.project / ".local" / "tools" / name / "bin" / name)
        if not path.exists():
            raise LocalCloudError(f"{name} is not installed at {path}: run `make setup`")
        return path

    def search_path(self) -> str:
        """Return a PATH with Python 3.13 and uv first, for `sam build` and the layers' Makefiles.

        Raises
        ------
        LocalCloudError
            One of them, or make, is not there.
        """
        beside = Path(sys.executable).parent
        python = beside / _PYTHON
        if not python.exists():
            found = shutil.which(_PYTHON)
            if found is None:
                raise LocalCloudError(f"{_PYTHON} is not on the PATH: install Python 3.13 and try again")
            python = Path(found)
        if shutil.which("make") is None:
            raise LocalCloudError("make is not on the PATH: install it and try again")
        parts = [str(python.parent), str(self.tool("uv").parent), os.environ.get("PATH", os.defpath)]
        return os.pathsep.join(parts)
