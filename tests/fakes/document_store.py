"""The port `DocumentStore` in memory."""

from __future__ import annotations

from threading import Lock
from urllib.parse import urlencode

from billing.domain.errors import UnavailableError


class FakeDocumentStore:
    """Keeps documents; `away` makes it refuse everything, and `damaged` names what a get finds spoilt."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self.damaged: set[str] = set()
        self.away = False
        self._lock = Lock()

    def get(self, key: str) -> bytes | None:
        """Return what is stored and whole."""
        self._answer()
        with self._lock:
            return None if key in self.damaged else self.content.get(key)

    def put(self, key: str, content: bytes) -> None:
        """Store the first content of a key, and replace a damaged one."""
        self._answer()
        with self._lock:
            if key in self.damaged or key not in self.content:
                self.content[key] = content
                self.damaged.discard(key)

    def link(self, key: str, disposition: str, seconds: int) -> str:
        """Return an address that nobody serves, with what was asked for in it."""
        return f"memory://documents/{key}?{urlencode({'disposition': disposition, 'seconds': seconds})}"

    def _answer(self) -> None:
        if self.away:
            raise UnavailableError("storage")
