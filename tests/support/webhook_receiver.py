"""A webhook that keeps what it gets and answers what the test wants."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LONGEST_WAIT = 30.0


@dataclass(frozen=True, slots=True)
class Received:
    """One delivery: the raw body, its signature header and the event in it."""

    payload: bytes
    signature: str
    event: dict[str, Any]


@dataclass(slots=True)
class Receiver:
    """What has arrived so far; `answers` gives the status of the next deliveries, 200 after that."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def take(self, received: Received) -> int:
        """Keep a delivery and return the status to answer."""
        with self.changed:
            self.received.append(received)
            self.changed.notify_all()
            return self.answers.pop(0) if self.answers else 200

    def wait_for(self, enough: Callable[[list[Received]], bool]) -> list[Received]:
        """Return the deliveries once they are enough; fails if they never are."""
        with self.changed:
            arrived = self.changed.wait_for(lambda: enough(self.received), timeout=_LONGEST_WAIT)
            assert arrived, f"only {[each.event['type'] for each in self.received]} arrived"
            return list(self.received)

    def types(self) -> list[str]:
        """Return the types of what arrived, in the order of arrival."""
        with self.changed:
            return [each.event["type"] for each in self.received]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a receiver on a free port for the length of the block."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            payload = self.rfile.read(int(self.headers["Content-Length"]))
            received = Received(payload, self.headers["Stripe-Signature"], json.loads(payload))
            self.send_response(receiver.take(received))
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
