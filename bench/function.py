"""A Lambda function in this process, called as API Gateway calls it."""

from __future__ import annotations

import json
import os
import time
from contextlib import contextmanager, redirect_stdout
from importlib.util import module_from_spec, spec_from_file_location
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from billing import bootstrap, metering, mirroring

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

type Handler = Callable[[Any, Any], dict[str, Any]]

_CONTEXT = SimpleNamespace(
    function_name="bench",
    memory_limit_in_mb=512,
    invoked_function_arn="arn:aws:lambda:eu-west-1:123456789012:function:bench",
    aws_request_id="11111111-2222-4333-8444-555555555555",
    get_remaining_time_in_millis=lambda: 60_000,
)


class Function:
    """The handler of one function, its log lines and metrics written to nowhere, but written."""

    def __init__(self, handler: Handler, nowhere: Any) -> None:
        self._handler = handler
        self._nowhere = nowhere

    def answer(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the function answers."""
        with redirect_stdout(self._nowhere):
            return self._handler(event, _CONTEXT)

    def milliseconds(self, event: Mapping[str, Any], status: int) -> float:
        """Return how long an answer took.

        Raises
        ------
        RuntimeError
            It had another status.
        """
        began = time.perf_counter_ns()
        answer = self.answer(event)
        taken = (time.perf_counter_ns() - began) / 1e6
        if answer["statusCode"] != status:
            raise RuntimeError(f"the function answered {answer['statusCode']}: {answer['body'][:500]}")
        return taken


@contextmanager
def running(project: Path, name: str, environment: Mapping[str, str]) -> Iterator[Function]:
    """Yield the function `name` in this environment; what it built is closed and forgotten after."""
    spec = spec_from_file_location(f"bench_{name}", project / "functions" / name / "app.py")
    if spec is None or spec.loader is None:
        raise RuntimeError(f"there is no function {name}")
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    with patch.dict(os.environ, {**kept, **environment}, clear=True), open(os.devnull, "w") as nowhere:  # noqa: PTH123 - a device
        _forget()
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        yield Function(module.handler, nowhere)
        _forget()


def sample(project: Path, name: str) -> dict[str, Any]:
    """Return the function's sample event."""
    loaded: dict[str, Any] = json.loads((project / "events" / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


def _forget() -> None:
    if bootstrap._database.cache_info().currsize:  # noqa: SLF001 - a process that goes on must close it
        bootstrap._database().close()  # noqa: SLF001 - same
    for member in (*vars(bootstrap).values(), *vars(metering).values(), *vars(mirroring).values()):
        if hasattr(member, "cache_clear"):
            member.cache_clear()
