"""The foreground: keeps every part alive until a signal ends it all."""

from __future__ import annotations

import signal
import threading
import time
from typing import TYPE_CHECKING

from local.problems import LocalCloudError

if TYPE_CHECKING:
    from types import FrameType

    from local.cloud import LocalCloud
    from local.progress import Progress

_POLL_SECONDS = 1.0
_REVIVALS = 5
_REVIVAL_WINDOW_SECONDS = 600.0
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """A signal asked to end; not an error, and nothing but the command itself may catch it."""


class StopSwitch:
    """Turns the signals into one `Stopped` in the main thread, and into silence while things are put away."""

    def __init__(self) -> None:
        self._asked = threading.Event()

    def install(self) -> None:
        """Take the signals."""
        for name in SIGNALS:
            signal.signal(name, self._ask)

    def ignore(self) -> None:
        """From now on ignore them: what stops must stop whole."""
        for name in SIGNALS:
            signal.signal(name, signal.SIG_IGN)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self._asked.set()
        raise Stopped


class Revivals:
    """How often parts were brought back lately: a part that dies again and again is not worth more."""

    def __init__(self, limit: int = _REVIVALS, window: float = _REVIVAL_WINDOW_SECONDS) -> None:
        self._limit = limit
        self._window = window
        self._times: list[float] = []

    def allow(self, now: float) -> bool:
        """Return whether one more is allowed now, and count it."""
        self._times = [moment for moment in self._times if now - moment < self._window]
        if len(self._times) >= self._limit:
            return False
        self._times.append(now)
        return True


def watch(cloud: LocalCloud, progress: Progress, revivals: Revivals | None = None) -> None:
    """Bring back what dies, until `Stopped` is raised.

    Raises
    ------
    LocalCloudError
        Parts die more often than it makes sense to start them.
    """
    allowed = Revivals() if revivals is None else revivals
    while True:
        time.sleep(_POLL_SECONDS)
        dead = cloud.dead_parts()
        if not dead:
            continue
        names = ", ".join(dead)
        if not allowed.allow(time.monotonic()):
            raise LocalCloudError(f"{names} died again, too often now: see the logs in {cloud.paths.logs}")
        progress.say(f"{names} died; bringing it back.")
        try:
            cloud.up()
        except LocalCloudError as error:
            # Another part may have died under it; then the next round brings that one back.
            if not cloud.dead_parts():
                raise
            progress.say(str(error))
