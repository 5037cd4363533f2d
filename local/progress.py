"""Says what goes on: one line for each step, with the seconds it took."""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

_TITLE_WIDTH = 22
_TICK_SECONDS = 0.2


class Step:
    """A step under way; `note` is shown beside it, and stays when it is done."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.note = ""
        self._began = time.monotonic()

    def line(self, mark: str) -> str:
        """Return the line that shows this step now."""
        seconds = time.monotonic() - self._began
        return f"  {mark} {self.title:<{_TITLE_WIDTH}} {seconds:5.1f} s  {self.note}".rstrip()


class Progress:
    """Shows steps: on a terminal one line that ticks, elsewhere one plain line when a step ends."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = sys.stdout if out is None else out
        self._live = self._out.isatty()

    def say(self, text: str) -> None:
        """Print a line of its own."""
        self._print(text + "\n")

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Show a step while the block runs; a block that raises is marked as failed."""
        step = Step(title)
        ended = threading.Event()
        ticker = threading.Thread(target=self._tick, args=(step, ended), daemon=True)
        if self._live:
            ticker.start()
        mark = "failed"
        try:
            yield step
            mark = "ok"
        finally:
            ended.set()
            if self._live:
                ticker.join()
                self._print("\r\033[K")
            self._print(step.line("✓" if mark == "ok" else "✗") + "\n")

    def _tick(self, step: Step, ended: threading.Event) -> None:
        while not ended.wait(_TICK_SECONDS):
            self._print(f"\r\033[K{step.line('·')}")

    def _print(self, text: str) -> None:
        try:
            self._out.write(text)
            self._out.flush()
        except BrokenPipeError:
            # Whoever read this has gone (`make dev | head`); the local cloud goes on without telling.
            self._live = False
            self._out = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - open as long as we are
            os.dup2(self._out.fileno(), sys.stdout.fileno())
