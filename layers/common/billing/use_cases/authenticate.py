"""Who is calling, by the credentials of one request."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from billing.domain.errors import MissingCredentialsError, UnauthenticatedError
from billing.domain.principals import Via

if TYPE_CHECKING:
    from billing.domain.principals import Principal
    from billing.use_cases.access_ports import Identities, TokenVerifier

_LONGEST = 8192
"""Bytes of an Authorization header that are looked at; API Gateway allows 10,240 for all headers."""

# RFC 6750, section 2.1: one scheme, case-insensitive (RFC 9110), spaces, one b64token.
_BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9._~+/-]+=*)")
_API_KEY_PREFIX = "bk_"
# 256 random bits in base64url.
_API_KEY = re.compile(r"bk_[A-Za-z0-9_-]{43}")
# RFC 7519 in compact form, always with a signature.
_JWT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


def api_key_digest(api_key: str) -> bytes:
    """Return the SHA-256 of a whole API key, `bk_` included: the only form in which keys are stored."""
    return hashlib.sha256(api_key.encode("ascii")).digest()


@dataclass(frozen=True, slots=True)
class Authenticate:
    """Finds the principal behind an Authorization header: an API key or a JWT, both as Bearer."""

    identities: Identities
    tokens: TokenVerifier

    def __call__(self, authorization: str | None) -> Principal:
        """Return the caller.

        Raises
        ------
        MissingCredentialsError
            There is no Authorization header.
        UnauthenticatedError
            The credentials are malformed, do not hold, or belong to nobody.
        UnavailableError
            The database or the issuer's keys do not answer.
        """
        token = _bearer(authorization)
        via = Via.API_KEY if token.startswith(_API_KEY_PREFIX) else Via.TOKEN
        principal = self._by_api_key(token) if via is Via.API_KEY else self._by_token(token)
        if principal is None:
            raise UnauthenticatedError("The credentials do not hold.")
        return replace(principal, via=via)

    def _by_api_key(self, api_key: str) -> Principal | None:
        if _API_KEY.fullmatch(api_key) is None:
            return None
        return self.identities.by_api_key(api_key_digest(api_key))

    def _by_token(self, token: str) -> Principal | None:
        if _JWT.fullmatch(token) is None:
            return None
        issuer, subject = self.tokens.verify(token)
        return self.identities.by_subject(issuer, subject)


def _bearer(authorization: str | None) -> str:
    if authorization is None or not authorization.strip():
        raise MissingCredentialsError("Credentials are needed: an API key or a token, as Bearer.")
    if len(authorization) > _LONGEST:
        raise UnauthenticatedError("The credentials are too long.")
    match = _BEARER.fullmatch(authorization)
    if match is None:
        raise UnauthenticatedError("The credentials are not of the form 'Bearer <token>'.")
    return match[1]
