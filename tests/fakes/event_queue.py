"""A queue of Stripe events in memory, as strict about what it takes as SQS is."""

from __future__ import annotations

import re

from billing.domain.errors import UnavailableError

_REFUSED = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LARGEST = 1_048_576


class FakeEventQueue:
    """Keeps the bodies in order of arrival, the marked ones in `missing`; `away` makes it refuse all."""

    def __init__(self) -> None:
        self.bodies: list[str] = []
        self.missing: list[str] = []
        self.away = False

    def put(self, body: str, *, is_missing: bool = False) -> None:
        """Keep the body, or raise UnavailableError where SQS would not take it."""
        if self.away or not body or _REFUSED.search(body) or len(body.encode()) > _LARGEST:
            raise UnavailableError("queue")
        self.bodies.append(body)
        if is_missing:
            self.missing.append(body)
