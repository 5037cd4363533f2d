"""`make move-usage`: calls the function until every customer's usage is where the setting says."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TextIO

from operate.cloud import FunctionFailedError, OperateError

if TYPE_CHECKING:
    from collections.abc import Callable

    from operate.cloud import Cloud

SECONDS = 5
"""After so long no call begins another customer, so that the display moves."""

_TRIES = 6


def move_usage(
    cloud: Cloud, out: TextIO, *, seconds: float = SECONDS, sleep: Callable[[float], None] = time.sleep
) -> int:
    """Return 0 once all usage is in the store that the stack's UsageStore names.

    Raises
    ------
    OperateError
        The function failed several times in a row; the next call goes on where it stands.
    """
    live = out.isatty()
    customers = rows = failures = 0
    after = ""
    while True:
        try:
            answer = cloud.call("MoveUsageFunctionName", {"seconds": seconds, "after": after})
        except FunctionFailedError as error:
            failures += 1
            if failures == _TRIES:
                raise OperateError(f"the move stopped: {error}; `make move-usage` goes on there") from error
            sleep(2.0**failures)
            continue
        failures = 0
        after = str(answer["after"])
        customers += int(answer["customers"])
        rows += int(answer["rows"])
        mark = "✓" if answer["finished"] else "…"
        text = f"{mark} to {answer['to']}: {customers:,} customers, {rows:,} rows"
        out.write(f"\r\x1b[2K{text}" if live and not answer["finished"] else f"{text}\n")
        out.flush()
        if answer["finished"]:
            return 0
