"""A real `sam build` and `sam deploy` of template.yaml into the local AWS, when something has changed."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.aws import REGION
from local.problems import LocalCloudError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from local.paths import LocalPaths

STACK = "billing-local"
_ENVIRONMENT = "local"
_SOURCES = ("template.yaml", "samconfig.toml", "functions", "layers", "migrations")
_GENERATED = frozenset({"__pycache__", ".aws-sam"})
_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Deployment:
    """One wish of what stands in the local AWS: the sources as they are, and the template's parameters."""

    paths: LocalPaths
    endpoint: str
    parameters: Mapping[str, str]

    def fingerprint(self) -> str:
        """Return a hash that changes when a source file or a parameter does."""
        parameters = json.dumps(dict(self.parameters), sort_keys=True)
        return hashlib.sha256(f"{self.source_fingerprint()} {parameters}".encode()).hexdigest()

    def source_fingerprint(self) -> str:
        """Return a hash that changes when a source file does."""
        digest = hashlib.sha256()
        for path in source_files(self.paths.project):
            digest.update(f"\0{path.relative_to(self.paths.project)}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()

    def is_built(self, source_fingerprint: str) -> bool:
        """Return whether the sources are those of a build that is still there."""
        built = (self._work / "build" / "template.yaml").exists()
        return built and source_fingerprint == self.source_fingerprint()

    def build(self) -> None:
        """Build functions and layers; SAM's cache keeps what has not changed.

        Raises
        ------
        LocalCloudError
            The build fails, or a tool is missing.
        """
        command = [
            "build",
            "--config-env",
            _ENVIRONMENT,
            "--template-file",
            str(self.paths.project / "template.yaml"),
            "--build-dir",
            str(self._work / "build"),
            "--cache-dir",
            str(self._work / "cache"),
        ]
        # Everything is pinned by hash, so what the cache has is as good as the registry's, and a build
        # needs no network. Only when the cache lacks something is the network asked.
        if self._run("build", command, {"UV_OFFLINE": "1", "PIP_NO_INDEX": "1"}) != 0:
            self._must("build", command, {})

    def deploy(self) -> None:
        """Deploy what was built.

        Raises
        ------
        LocalCloudError
            The deploy fails.
        """
        overrides = [f"{name}={_quoted(value)}" for name, value in sorted(self.parameters.items())]
        command = [
            "deploy",
            "--config-env",
            _ENVIRONMENT,
            "--stack-name",
            STACK,
            "--template-file",
            str(self._work / "build" / "template.yaml"),
            "--region",
            REGION,
            "--resolve-s3",
            "--capabilities",
            "CAPABILITY_IAM",
            "--no-confirm-changeset",
            "--no-fail-on-empty-changeset",
            "--no-progressbar",
            "--parameter-overrides",
            *overrides,
        ]
        self._must("deploy", command, {})

    @property
    def _work(self) -> Path:
        return self.paths.state / "sam"

    def _must(self, name: str, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        if self._run(name, arguments, environment) != 0:
            log = self.paths.log(name)
            raise LocalCloudError(f"`sam {name}` failed: {_last_error(log)}; see {log}")

    def _run(self, name: str, arguments: Sequence[str], environment: Mapping[str, str]) -> int:
        sam = self.paths.tool("sam")
        self.paths.logs.mkdir(parents=True, exist_ok=True)
        self._work.mkdir(parents=True, exist_ok=True)
        # In a file a deploy must not be mixed with the last one: its end is shown when it fails.
        with self.paths.log(name).open("wb") as log:
            try:
                return subprocess.run(
                    [str(sam), *arguments],
                    cwd=self.paths.project,
                    env={**self._environment(), **environment},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    timeout=_SECONDS,
                    check=False,
                ).returncode
            except subprocess.TimeoutExpired:
                raise LocalCloudError(
                    f"`sam {name}` took more than {_SECONDS} s; see {self.paths.log(name)}"
                ) from None

    def _environment(self) -> dict[str, str]:
        # A developer's own AWS account must not be reachable from here, whatever their shell says.
        own = ("AWS_", "VIRTUAL_ENV")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
        cache = self.paths.project / ".local" / "cache"
        return {
            "UV_CACHE_DIR": str(cache / "uv"),
            "PIP_CACHE_DIR": str(cache / "pip"),
            **kept,
            "PATH": self.paths.search_path(),
            "LAYER_PLATFORM": "host",
            "SAM_CLI_TELEMETRY": "0",
            "SAM_CLI_POLL_DELAY": "1",
            "SAM_CLI_CONTAINER_CONNECTION_TIMEOUT": "1",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }


def source_files(project: Path) -> Iterator[Path]:
    """Yield the files that a deployment is made of, in a fixed order."""
    for name in _SOURCES:
        root = project / name
        if root.is_file():
            yield root
            continue
        for folder, folders, files in root.walk():
            folders[:] = sorted(entry for entry in folders if entry not in _GENERATED)
            yield from (folder / file for file in sorted(files) if not file.endswith(".pyc"))


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _last_error(log: Path) -> str:
    """Return the line that most likely says why."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    telling = [line for line in lines if "rror" in line or "FAILED" in line or "No space left" in line]
    return (telling or [line for line in lines if line] or ["it said nothing"])[-1][:300]
