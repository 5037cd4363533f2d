"""One command at a time changes a local cloud."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@contextmanager
def exclusively(state: Path, *, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock of a local cloud; `on_wait` is called when another command holds it.

    The kernel lets go of it when the holder dies, however it dies.
    """
    state.mkdir(parents=True, exist_ok=True)
    with (state / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
