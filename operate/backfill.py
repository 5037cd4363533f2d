"""`make backfill`: calls the function until the backfill is done, and shows how far it is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TextIO

from operate.cloud import FunctionFailedError, OperateError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from operate.cloud import Cloud

SECONDS = 5
"""For so long each call works, so that the bar moves."""

_TRIES = 6


class BackfillBar:
    """Shows kind by kind what was done: on a terminal one line that moves, elsewhere a line a kind.

    Stripe's lists tell no totals, so there is no percentage: pages, objects, how many a second, and how far
    back in time the list has been read.
    """

    def __init__(self, out: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = out
        self._clock = clock
        self._live = out.isatty()
        self._began: dict[str, tuple[float, int]] = {}
        self._done: set[str] = set()

    def show(self, kinds: list[Mapping[str, Any]]) -> None:
        """Show where the kinds stand."""
        for kind in kinds:
            name = str(kind["kind"])
            if name in self._done:
                continue
            if name not in self._began:
                self._began[name] = (self._clock(), int(kind["objects"]))
            at_first = self._began[name]
            if kind["finished"]:
                self._done.add(name)
                self._print(self._line(kind, at_first), end="\n")
            elif kind["pages"]:
                self._print(self._line(kind, at_first), end="" if self._live else "\n")
                break
            else:
                break

    def _line(self, kind: Mapping[str, Any], at_first: tuple[float, int]) -> str:
        began, before = at_first
        elapsed = self._clock() - began
        mark = "✓" if kind["finished"] else "…"
        parts = [f"{mark} {kind['kind']:<22} {kind['pages']:>7,} pages {kind['objects']:>10,} objects"]
        if elapsed >= 1:
            # What one call did cannot be told from what it found done.
            parts.append(f"{(int(kind['objects']) - before) / elapsed:>7,.0f}/s")
        if kind["oldest"] and not kind["finished"]:
            parts.append(f"back to {str(kind['oldest'])[:10]}")
        parts += [
            f"{kind[name]:,} {name}" for name in ("fetched", "checked", "deleted", "unreadable") if kind[name]
        ]
        if kind["stopped"]:
            parts.append(f"NOT CHECKED FOR DELETIONS: {kind['stopped']}")
        return "  ".join(parts)

    def _print(self, text: str, end: str) -> None:
        self._out.write(f"\r\x1b[2K{text}{end}" if self._live else f"{text}{end}")
        self._out.flush()


def backfill(
    cloud: Cloud, out: TextIO, *, seconds: float = SECONDS, sleep: Callable[[float], None] = time.sleep
) -> int:
    """Return 0 once the mirror holds all that Stripe lists, 1 if something was left out.

    Raises
    ------
    OperateError
        The function failed several times in a row; the next call goes on where it stands.
    """
    bar = BackfillBar(out)
    failures = 0
    while True:
        try:
            answer = cloud.call("BackfillFunctionName", {"seconds": seconds})
        except FunctionFailedError as error:
            failures += 1
            if failures == _TRIES:
                raise OperateError(f"the backfill stopped: {error}; `make backfill` goes on there") from error
            sleep(2.0**failures)
            continue
        if answer["overtaken"]:
            failures += 1
            if failures == _TRIES:
                raise OperateError("another backfill is at work; this one stops")
            sleep(2.0**failures)
            continue
        failures = 0
        bar.show(answer["kinds"])
        if answer["finished"]:
            return 1 if any(kind["stopped"] or kind["unreadable"] for kind in answer["kinds"]) else 0
