"""Stripe's API as far as dj-stripe asks it about the bench's events; it counts the questions."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bench.payloads import CREATED, numbered, paid_event

if TYPE_CHECKING:
    from collections.abc import Iterator

_NUMBER = 8


class StripeStub:
    """`endpoint` answers GET of accounts, customers and the bench's invoices; `calls` says how often."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.calls = 0
        self._template = paid_event()

    def answer(self, path: str) -> bytes:
        """Return the object at this path, its discounts expanded, as dj-stripe asks."""
        self.calls += 1
        kind, _, object_id = urlsplit(path).path.removeprefix("/v1/").partition("/")
        return json.dumps(self._object(kind, object_id)).encode()

    def _object(self, kind: str, object_id: str) -> dict[str, Any]:
        if kind == "invoices":
            event = json.loads(numbered(self._template, object_id[-_NUMBER:]))
            invoice: dict[str, Any] = event["data"]["object"]
            invoice["discounts"] = [_discount(one) for one in invoice["discounts"]]
            return invoice
        if kind == "account":
            object_id = "acct_1SBenchAccount01"
        return {"id": object_id, "object": kind.removesuffix("s"), "livemode": True, "created": CREATED}


@contextmanager
def running_stub() -> Iterator[StripeStub]:
    """Yield the stub, served on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            content = stub.answer(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True  # a client that was killed may leave its connection open
    stub = StripeStub(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _discount(object_id: str) -> dict[str, Any]:
    nothing = ("customer", "end", "invoice", "promotion_code", "subscription")
    source = {"type": "coupon", "coupon": "BENCH"}
    return {
        "id": object_id,
        "object": "discount",
        "start": CREATED,
        "source": source,
        **dict.fromkeys(nothing),
    }
