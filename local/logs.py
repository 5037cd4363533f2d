"""What the parts and the functions write, as it is written."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from local.aws_session import LocalClients
from local.deploy import STACK
from local.ports import LOOPBACK
from local.problems import LocalCloudError
from local.stack import find_stack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from local.aws_session import LogsClient

_POLL_SECONDS = 0.5
_TAIL_BYTES = 8192
_LOG_GROUP = re.compile(r"(?P<function>\w+)LogGroup")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class FileTail:
    """New lines of a log file, from a little before its end on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = max(0, path.stat().st_size - _TAIL_BYTES)
        self._whole = self._offset == 0

    def lines(self) -> Iterator[str]:
        """Yield the lines that were completed since the last call; a file that began anew is read anew."""
        size = self._path.stat().st_size
        if size < self._offset:
            self._offset = 0
        with self._path.open("rb") as file:
            file.seek(self._offset)
            chunk = file.read()
        complete = chunk.rfind(b"\n") + 1
        self._offset += complete
        lines = chunk[:complete].decode("utf-8", errors="replace").splitlines()
        if not self._whole:
            # The first one was cut somewhere.
            lines, self._whole = lines[1:], True
        yield from lines


class FunctionTail:
    """New lines of a function's log group."""

    def __init__(self, client: LogsClient, group: str) -> None:
        self._client = client
        self._group = group
        self._since = 0
        self._seen: set[tuple[int, str]] = set()

    def lines(self) -> Iterator[str]:
        """Yield the messages since the last call, without the runtime's own START, END and REPORT."""
        events = self._client.filter_log_events(logGroupName=self._group, startTime=self._since)["events"]
        for event in events:
            # The local server gives its events no id; two equal lines of one millisecond are shown once.
            identity = (event["timestamp"], event["message"])
            if identity in self._seen:
                continue
            self._seen.add(identity)
            self._since = max(self._since, event["timestamp"])
            message = event["message"].rstrip()
            if not message.startswith(("START RequestId", "END RequestId", "REPORT RequestId")):
                yield message


def function_groups(resources: Mapping[str, str]) -> dict[str, str]:
    """Return the log group of each function by its name in functions/, such as get_info."""
    matches = ((_LOG_GROUP.fullmatch(logical), physical) for logical, physical in resources.items())
    return {
        _HUMP.sub("_", match["function"]).lower(): physical
        for match, physical in matches
        if match is not None
    }


def tails(logs: Path, aws_port: int | None, names: Sequence[str]) -> dict[str, FileTail | FunctionTail]:
    """Return the tails of the named parts and functions; of everything when none is named.

    Raises
    ------
    LocalCloudError
        There is no such log.
    """
    found: dict[str, FileTail | FunctionTail] = {
        path.stem: FileTail(path) for path in sorted(logs.glob("*.log")) if path.exists()
    }
    if aws_port is not None:
        clients = LocalClients(f"http://{LOOPBACK}:{aws_port}")
        stack = find_stack(clients.cloudformation, STACK)
        groups = {} if stack is None else function_groups(stack.resources)
        found |= {name: FunctionTail(clients.logs, group) for name, group in groups.items()}
    for name in names:
        if name not in found:
            raise LocalCloudError(
                f"there is no log {name}; there are: {', '.join(sorted(found)) or 'none yet'}"
            )
    return {name: tail for name, tail in found.items() if not names or name in names}


def show(found: Mapping[str, FileTail | FunctionTail], *, follow: bool) -> None:
    """Print the lines, each with the name of its log; go on until interrupted when following."""
    width = max((len(name) for name in found), default=0)
    while True:
        for name, tail in found.items():
            for line in tail.lines():
                print(f"{name:<{width}} | {line}", flush=True)
        if not follow:
            return
        time.sleep(_POLL_SECONDS)
