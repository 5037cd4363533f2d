"""The local OIDC issuer: its key, its documents, its tokens. The pages around it are in oidc_pages.py.

It stands in for the identity provider of a real deployment; whoever can reach this machine's loopback
interface may sign in as any demo user, and nothing else trusts its key.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from local.files import read_json, write_private_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

AUDIENCE = "billing"
CLIENT_ID = "billing-console"
_ALGORITHM = "RS256"
_KEY_BITS = 2048
_CODE_SECONDS = 60
SESSION_SECONDS = 3600
# RFC 7636, section 4.1.
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


class OidcError(Exception):
    """A request that the issuer refuses; `code` is the error code of RFC 6749 or OpenID Connect."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description)
        self.code = code
        self.description = description


class SigningKey:
    """The issuer's RSA key, made once and kept in a private file."""

    def __init__(self, private: rsa.RSAPrivateKey) -> None:
        self._private = private
        public = private.public_key()
        self.pem = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        self.jwk: dict[str, Any] = jwt.algorithms.RSAAlgorithm.to_jwk(public, as_dict=True)
        # RFC 7638: the thumbprint over the required members in order.
        members = f'{{"e":"{self.jwk["e"]}","kty":"RSA","n":"{self.jwk["n"]}"}}'
        self.key_id = _base64url(hashlib.sha256(members.encode()).digest())
        self.jwk |= {"kid": self.key_id, "use": "sig", "alg": _ALGORITHM, "key_ops": ["verify"]}

    @classmethod
    def load(cls, path: Path) -> SigningKey:
        """Return the key in the file, made and written first if there is none."""
        pem = read_json(path).get("private_key")
        if isinstance(pem, str):
            private = serialization.load_pem_private_key(pem.encode(), password=None)
            if isinstance(private, rsa.RSAPrivateKey):
                return cls(private)
        made = cls(rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS))
        write_private_json(path, {"private_key": made.pem})
        return made

    def sign(self, claims: dict[str, Any], kind: str) -> str:
        """Return the claims as a signed JWT with this `typ`."""
        return jwt.encode(claims, self._private, _ALGORITHM, headers={"kid": self.key_id, "typ": kind})


@dataclass(frozen=True, slots=True)
class _Grant:
    subject: str
    client_id: str
    redirect_uri: str
    challenge: str
    nonce: str | None
    expires: float


class OidcIssuer:
    """Issues tokens for the subjects it is given, by authorization code with PKCE or directly.

    `clock` gives seconds since the epoch. Codes live in memory: a restart of the front door ends
    sign-ins that are half done, nothing else.
    """

    def __init__(self, issuer: str, key: SigningKey, clock: Callable[[], float] = time.time) -> None:
        self.issuer = issuer
        self._key = key
        self._clock = clock
        self._grants: dict[str, _Grant] = {}

    def discovery(self) -> dict[str, Any]:
        """Return the discovery document (OpenID Connect Discovery 1.0, section 3)."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [_ALGORITHM],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none"],
            "scopes_supported": ["openid"],
        }

    def jwks(self) -> dict[str, Any]:
        """Return the public keys."""
        return {"keys": [self._key.jwk]}

    def access_token(self, subject: str, seconds: int) -> str:
        """Return an access token for the API (RFC 9068), valid this long from now."""
        now = int(self._clock())
        claims = {
            "iss": self.issuer,
            "sub": subject,
            "aud": AUDIENCE,
            "client_id": CLIENT_ID,
            "iat": now,
            "exp": now + seconds,
            "jti": secrets.token_urlsafe(16),
        }
        return self._key.sign(claims, "at+jwt")

    def check_request(self, query: dict[str, str]) -> None:
        """Refuse an authorization request that is not a code request with PKCE from the console.

        Raises
        ------
        OidcError
            The request is not one that this issuer takes.
        """
        if query.get("client_id") != CLIENT_ID:
            raise OidcError("unauthorized_client", f"the client is not {CLIENT_ID}")
        if not _is_local(query.get("redirect_uri", "")):
            raise OidcError("invalid_request", "redirect_uri is not on this machine")
        if query.get("response_type") != "code":
            raise OidcError("unsupported_response_type", "response_type is not code")
        challenge = query.get("code_challenge", "")
        if query.get("code_challenge_method") != "S256" or _CHALLENGE.fullmatch(challenge) is None:
            raise OidcError("invalid_request", "a code_challenge with method S256 is needed")

    def grant(self, query: dict[str, str], subject: str) -> str:
        """Return a one-time code for the subject, answering a request that `check_request` takes.

        Raises
        ------
        OidcError
            The request is not one that this issuer takes.
        """
        self.check_request(query)
        now = self._clock()
        self._grants = {code: grant for code, grant in self._grants.items() if grant.expires > now}
        code = secrets.token_urlsafe(32)
        self._grants[code] = _Grant(
            subject=subject,
            client_id=query["client_id"],
            redirect_uri=query["redirect_uri"],
            challenge=query["code_challenge"],
            nonce=query.get("nonce"),
            expires=now + _CODE_SECONDS,
        )
        return code

    def exchange(self, form: dict[str, str]) -> dict[str, Any]:
        """Return the token response for a code and its verifier; each code works once.

        Raises
        ------
        OidcError
            The code, the verifier, the client or the redirect URI do not fit.
        """
        if form.get("grant_type") != "authorization_code":
            raise OidcError("unsupported_grant_type", "grant_type is not authorization_code")
        grant = self._grants.pop(form.get("code", ""), None)
        verifier = form.get("code_verifier", "")
        challenge = _base64url(hashlib.sha256(verifier.encode()).digest())
        if (
            grant is None
            or grant.expires <= self._clock()
            or _VERIFIER.fullmatch(verifier) is None
            or not hmac.compare_digest(challenge, grant.challenge)
            or (form.get("client_id"), form.get("redirect_uri")) != (grant.client_id, grant.redirect_uri)
        ):
            raise OidcError("invalid_grant", "the code does not hold")
        now = int(self._clock())
        identity: dict[str, Any] = {
            "iss": self.issuer,
            "sub": grant.subject,
            "aud": grant.client_id,
            "iat": now,
            "exp": now + SESSION_SECONDS,
        }
        if grant.nonce is not None:
            identity["nonce"] = grant.nonce
        return {
            "access_token": self.access_token(grant.subject, SESSION_SECONDS),
            "id_token": self._key.sign(identity, "JWT"),
            "token_type": "Bearer",
            "expires_in": SESSION_SECONDS,
            "scope": "openid",
        }


def _is_local(uri: str) -> bool:
    parts = urlsplit(uri)
    return parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost"} and not parts.fragment


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
