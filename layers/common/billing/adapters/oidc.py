"""JWTs of one OIDC issuer, verified against the keys that it publishes (RFC 7517, 7519, 8725)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from billing.adapters.jwks import Jwks
from billing.domain.errors import UnauthenticatedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from billing.adapters.jwks import Key

_LEEWAY_SECONDS = 30
_LONGEST_SUBJECT = 255  # OpenID Connect Core, section 2


class OidcTokenVerifier:
    """Accepts a token for what it is addressed to: `aud`, not `typ` or `token_use`, decides.

    The algorithm follows from the key, never from the token, so neither `none` nor an HMAC
    with a public key as its secret can pass. PyJWT loads with the first token.
    """

    def __init__(
        self, issuer: str, audience: str, jwks_url: str, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._issuer = issuer
        self._audience = audience
        self._keys = Jwks(jwks_url, monotonic)

    def verify(self, token: str) -> tuple[str, str]:
        """Return (issuer, subject) of a token that holds.

        Raises
        ------
        UnauthenticatedError
            The token is malformed, or its signature, issuer, audience or times do not hold.
        UnavailableError
            The issuer's keys cannot be read.
        """
        import jwt

        try:
            header = jwt.get_unverified_header(token)
            key = self._key(header)
            claims = jwt.decode(
                token,
                key.public,
                algorithms=[key.algorithm],
                audience=self._audience,
                issuer=self._issuer,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            # Beside PyJWT's own errors: what hostile JSON makes of its parsing (depth, infinities).
            raise UnauthenticatedError("The token does not hold.") from error
        subject = claims["sub"]
        if (
            not isinstance(subject, str)
            or not subject.isprintable()
            or not 0 < len(subject) <= _LONGEST_SUBJECT
        ):
            raise UnauthenticatedError("The token does not hold.")
        return self._issuer, subject

    def _key(self, header: dict[str, object]) -> Key:
        if "crit" in header:  # RFC 7515, section 4.1.11: no extension is understood here
            raise UnauthenticatedError("The token does not hold.")
        kid = header.get("kid")
        key = self._keys.find(kid if isinstance(kid, str) else None)
        if key is None or header.get("alg") != key.algorithm:
            raise UnauthenticatedError("The token does not hold.")
        return key
