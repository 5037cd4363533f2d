"""The port `Identities` in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.domain.errors import UnavailableError

if TYPE_CHECKING:
    from billing.domain.principals import Principal


class FakeIdentities:
    """Knows the principals put into `keys` (by SHA-256 digest) and `subjects` (by issuer and subject)."""

    def __init__(self) -> None:
        self.keys: dict[bytes, Principal] = {}
        self.subjects: dict[tuple[str, str], Principal] = {}
        self.available = True

    def by_api_key(self, digest: bytes) -> Principal | None:
        """Return who owns the key."""
        self._answer()
        return self.keys.get(digest)

    def by_subject(self, issuer: str, subject: str) -> Principal | None:
        """Return who the subject is."""
        self._answer()
        return self.subjects.get((issuer, subject))

    def _answer(self) -> None:
        if not self.available:
            raise UnavailableError("database")
