"""Stripe's stand-in as a process of its own, with invoices in it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

from bench.payloads import numbered, paid_event
from local.ports import any_free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOST = "127.0.0.1"
_START_SECONDS = 30.0
_AT_ONCE = 200


@contextmanager
def running_standin(project: Path, scratch: Path) -> Iterator[str]:
    """Yield the address of an empty stand-in.

    Raises
    ------
    RuntimeError
        It does not come up.
    """
    port = any_free_port()
    command = [sys.executable, "-m", "local.stripe_standin", "--port", str(port)]
    child = subprocess.Popen(
        [*command, "--state", str(scratch / f"standin-{port}.sqlite")], cwd=project, stdout=subprocess.DEVNULL
    )
    try:
        _wait(port)
        yield f"http://{HOST}:{port}"
    finally:
        child.terminate()
        child.wait(10)


def load_invoices(base: str, count: int, lines: int) -> None:
    """Make invoices with so many lines Stripe's state."""
    template = paid_event()
    for first in range(0, count, _AT_ONCE):
        events = [
            json.loads(numbered(template, f"{n:08x}")) for n in range(first, min(first + _AT_ONCE, count))
        ]
        _put(
            base,
            "/_standin/objects",
            {"objects": [_with_lines(one["data"]["object"], lines) for one in events]},
        )


def limit_calls(base: str, per_second: float) -> None:
    """Answer 429 to calls over this limit."""
    _put(base, "/_standin/rate", {"per_second": per_second})


def _with_lines(invoice: dict[str, Any], lines: int) -> dict[str, Any]:
    # The stand-in has none of the discounts, and what it has not it cannot expand.
    few = [{**line, "discount_amounts": []} for line in invoice["lines"]["data"]]
    many = [{**few[n % len(few)], "id": f"{few[n % len(few)]['id']}x{n}"} for n in range(lines)]
    return {
        **invoice,
        "discounts": [],
        "total_discount_amounts": [],
        "lines": {**invoice["lines"], "data": many, "total_count": lines},
    }


def _put(base: str, path: str, body: object) -> None:
    connection = HTTPConnection(base.removeprefix("http://"), timeout=60)
    try:
        connection.request("PUT", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
    finally:
        connection.close()
    if answer.status >= 300:  # noqa: PLR2004 - all that is no success
        raise RuntimeError(f"the stand-in answered {answer.status} to {path}")


def _wait(port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        connection = HTTPConnection(HOST, port, timeout=3)
        try:
            connection.request("GET", "/_standin/health")
            connection.getresponse().read()
        except OSError:
            time.sleep(0.05)
        else:
            return
        finally:
            connection.close()
    raise RuntimeError("the stand-in does not come up")
