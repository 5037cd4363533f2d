"""What letting callers in needs from the outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from billing.domain.principals import Principal


class Identities(Protocol):
    """Who may sign in."""

    def by_api_key(self, digest: bytes) -> Principal | None:
        """Return the owner of the unrevoked API key with this SHA-256 digest, None if there is none.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        ...

    def by_subject(self, issuer: str, subject: str) -> Principal | None:
        """Return the enabled user that signs in as this subject of this issuer, None if there is none.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        ...


class TokenVerifier(Protocol):
    """Verifies the JWTs of the configured OIDC issuer."""

    def verify(self, token: str) -> tuple[str, str]:
        """Return (issuer, subject) of a token whose signature, issuer, audience and times hold.

        Raises
        ------
        UnauthenticatedError
            The token does not hold.
        UnavailableError
            The issuer's keys cannot be read.
        """
        ...


class FeatureFlags(Protocol):
    """Which features are on."""

    def enabled(self, feature: str) -> bool:
        """Return whether the feature is on; an unknown feature is off."""
        ...


__all__ = [
    "FeatureFlags",
    "Identities",
    "TokenVerifier",
]
