"""The local AWS: ministack, a server of its own, bound to the loopback interface."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import psutil

from local.ports import LOOPBACK
from local.problems import LocalCloudError
from local.processes import start_process, stop_process

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

REGION = "eu-west-1"
ACCOUNT = "123456789012"
_START_SECONDS = 60.0
_POLL_SECONDS = 0.1
# It writes its whole state when asked to end.
_STOP_SECONDS = 30.0


class LocalAws:
    """One ministack server and its data.

    `state` holds its data, its scratch files and its log; `persist` keeps the data over a clean stop.
    It saves them only then: after a kill the files are those of the last clean stop, and `start` throws
    them away rather than serve yesterday's stack as today's. `functions_environment` reaches every
    function that does not set the same variable itself: layers are not at /opt here, so what reads files
    there must be told another place.
    """

    def __init__(
        self,
        state: Path,
        port: int,
        executable: Path,
        *,
        persist: bool,
        functions_environment: Mapping[str, str] | None = None,
    ) -> None:
        self._state = state / "aws"
        self._log = state / "logs" / "aws.log"
        self._port = port
        self._executable = executable
        self._persist = persist
        self._functions_environment = dict(functions_environment or {})
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """The URL for AWS_ENDPOINT_URL."""
        return f"http://{LOOPBACK}:{self._port}"

    @property
    def pid(self) -> int | None:
        """The pid of the server that this object started, or None."""
        return None if self._child is None else self._child.pid

    def start(self) -> None:
        """Start the server and return when it answers.

        Raises
        ------
        LocalCloudError
            It is not installed, ended at once, or did not answer in time.
        """
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Start the server without waiting for it.

        Raises
        ------
        LocalCloudError
            It is not installed.
        """
        if not self._executable.exists():
            raise LocalCloudError(f"the local AWS is not installed at {self._executable}: run `make setup`")
        self._forget_unclean_state()
        scratch = self._state / "tmp"
        _discard(scratch)
        scratch.mkdir(parents=True)
        self._child = start_process([self._executable], log=self._log, env=self._environment(scratch))

    def wait(self, seconds: float = _START_SECONDS) -> None:
        """Return when the server answers.

        Raises
        ------
        LocalCloudError
            It ended, or did not answer in time.
        """
        deadline = time.monotonic() + seconds
        while not self.answers():
            if self._child is not None and self._child.poll() is not None:
                raise LocalCloudError(f"the local AWS ended as soon as it began: see {self._log}")
            if time.monotonic() > deadline:
                raise LocalCloudError(f"the local AWS does not answer at {self.endpoint}: see {self._log}")
            time.sleep(_POLL_SECONDS)

    def answers(self) -> bool:
        """Return whether the server answers now."""
        try:
            with urllib.request.urlopen(f"{self.endpoint}/_ministack/health", timeout=5):  # noqa: S310 - our own http URL
                return True
        except (urllib.error.URLError, OSError):
            return False

    def reset(self) -> None:
        """Throw away everything that the server holds; it goes on running."""
        request = urllib.request.Request(f"{self.endpoint}/_ministack/reset", method="POST")  # noqa: S310 - our own http URL
        with urllib.request.urlopen(request, timeout=30):  # noqa: S310 - our own http URL
            return

    def stop(self, process: psutil.Process | None = None) -> None:
        """Stop the server that this object started, or the given one that an earlier run started."""
        if self._child is not None:
            process = psutil.Process(self._child.pid) if self._child.poll() is None else None
        if process is not None and stop_process(process, grace=_STOP_SECONDS) and self._persist:
            (self._state / "clean").touch()
        if self._child is not None:
            self._child.wait()
            self._child = None
        _discard(self._state / "tmp")

    def _forget_unclean_state(self) -> None:
        clean = self._state / "clean"
        if not clean.exists():
            shutil.rmtree(self._state / "state", ignore_errors=True)
            shutil.rmtree(self._state / "s3", ignore_errors=True)
        clean.unlink(missing_ok=True)

    def _environment(self, scratch: Path) -> dict[str, str]:
        persist = "1" if self._persist else "0"
        # Only what is named: functions inherit the server's environment, and the developer's own
        # AWS credentials, proxies or Python settings have no place in there.
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(scratch),
            "TMPDIR": str(scratch),
            "LANG": "C.UTF-8",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
            "BIND_HOST": LOOPBACK,
            "GATEWAY_PORT": str(self._port),
            "MINISTACK_HOST": "localhost",
            "MINISTACK_REGION": REGION,
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "DOCKER_HOST": "unix:///nonexistent",
            "PERSIST_STATE": persist,
            "STATE_DIR": str(self._state / "state"),
            "S3_PERSIST": persist,
            "S3_DATA_DIR": str(self._state / "s3"),
            **self._functions_environment,
        }


def _discard(scratch: Path) -> None:
    """Delete a scratch folder in the background.

    Each worker leaves its unpacked layers there, a hundred megabytes and thousands of files each, and
    nobody should wait for those to go.
    """
    if not scratch.exists():
        return
    doomed = scratch.with_name(f"tmp-{secrets.token_hex(8)}")
    scratch.rename(doomed)
    subprocess.run(["/bin/sh", "-c", 'rm -rf "$1" &', "sh", str(doomed)], check=False, timeout=10)
