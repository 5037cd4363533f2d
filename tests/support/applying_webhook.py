"""A webhook without a queue: verifies and applies at once, with the real verifier and use case."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from billing.adapters.stripe.events import read_event
from billing.adapters.stripe.signature import StripeSignatureVerifier
from billing.domain.errors import SignatureRejectedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from billing.use_cases.apply_stripe_event import ApplyStripeEvent


@contextmanager
def applying_webhook(apply: ApplyStripeEvent, secret: str) -> Iterator[str]:
    """Yield the URL of a webhook that verifies and applies at once, one event at a time."""
    verifier = StripeSignatureVerifier(lambda _: (secret,), lambda: datetime.now(UTC))
    one_at_a_time = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            payload = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                verifier.verify(payload, self.headers["Stripe-Signature"])
            except SignatureRejectedError:
                self.send_response(400)
            else:
                with one_at_a_time:
                    apply(read_event(json.loads(payload)))
                self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
