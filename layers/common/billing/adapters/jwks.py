"""An issuer's published keys: fetched on first need, kept, and fetched anew when a key is unknown."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from billing.domain.errors import UnavailableError
from billing.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from http.client import HTTPConnection

_FRESH_SECONDS = 3600
"""After this, keys are fetched anew, so that a withdrawn key stops counting."""
_LAST_SECONDS = 24 * 3600
"""After this, keys no longer count even while the issuer is away."""
_AGAIN_SECONDS = 60
"""Between two fetches for an unknown key id, and after a failed one: tokens are free to invent."""
_SOON_SECONDS = 5
"""After a failed fetch when there are no keys at all to go on with."""
_TIMEOUT_SECONDS = 2.0
_DEADLINE_SECONDS = 5.0
_LARGEST = 512 * 1024
_SMALLEST_RSA_BITS = 2048

# The algorithm is a matter of the key's kind alone (RFC 8725, section 3.1).
_ALGORITHMS: dict[tuple[Any, Any], str] = {
    ("RSA", None): "RS256",
    ("EC", "P-256"): "ES256",
    ("OKP", "Ed25519"): "EdDSA",
}
_PUBLIC_MEMBERS = ("kty", "crv", "n", "e", "x", "y")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Key:
    """One public key, with the one algorithm that it is good for."""

    algorithm: str
    public: Any  # one of cryptography's public key classes, as PyJWT takes them


class Jwks:
    """The keys of one JWKS address.

    Raises
    ------
    SettingsError
        The address is not https; http is for this machine only, because who can change the
        answer on its way can sign in as anybody.
    """

    def __init__(self, url: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise SettingsError("the environment variable OIDC_JWKS_URL is not an https address")
        self._url = url
        self._monotonic = monotonic
        self._keys: dict[str | None, Key] = {}
        self._fetched = float("-inf")
        self._failed = float("-inf")
        self._searched = float("-inf")

    def find(self, kid: str | None) -> Key | None:
        """Return the key of this id, or the only key there is when the token names none.

        Raises
        ------
        UnavailableError
            The issuer does not answer, and the keys known so far do not settle the question.
        """
        now = self._monotonic()
        current = now - self._fetched >= _FRESH_SECONDS and self._refresh(now)
        key = self._known(kid)
        if key is None and not current and now - self._searched >= _AGAIN_SECONDS:
            self._searched = now
            self._refresh(now)
            key = self._known(kid)
        if key is None and self._failed > self._fetched:
            raise UnavailableError("issuer")
        return key

    def _known(self, kid: str | None) -> Key | None:
        if kid is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(kid)

    def _refresh(self, now: float) -> bool:
        """Return whether the keys are what the issuer publishes now.

        Nothing is fetched where that failed just now; the old keys are kept for a day.
        """
        if now - self._failed >= (_AGAIN_SECONDS if self._keys else _SOON_SECONDS):
            try:
                self._keys = _read(_fetch(self._url))
            except (OSError, ValueError, RecursionError):
                self._failed = now
            else:
                self._fetched = now
                return True
        if now - self._fetched >= _LAST_SECONDS:
            self._keys = {}
        return False


def _fetch(url: str) -> bytes:
    """Return the body; OSError or ValueError if there is none to be had. Redirects are not followed."""
    from http.client import HTTPConnection, HTTPException, HTTPSConnection

    parts = urlsplit(url)
    kind: type[HTTPConnection] = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_TIMEOUT_SECONDS)
    try:
        target = parts.path or "/"
        connection.request(
            "GET",
            f"{target}?{parts.query}" if parts.query else target,
            headers={"Accept": "application/json"},
        )
        response = connection.getresponse()
        if response.status != 200:  # noqa: PLR2004 - HTTP's own number
            raise ValueError("the issuer answers without keys")
        # Read in pieces against a deadline: a socket timeout alone lets an answer drip for ever.
        deadline = time.monotonic() + _DEADLINE_SECONDS
        body = b""
        while piece := response.read1(65536):
            body += piece
            if len(body) > _LARGEST or time.monotonic() > deadline:
                raise ValueError("the issuer's answer has no end")
    except HTTPException as error:
        raise ValueError("the issuer does not speak HTTP") from error
    else:
        return body
    finally:
        connection.close()


def _read(body: bytes) -> dict[str | None, Key]:
    """Return the usable keys by id; others are passed over, as RFC 7517, section 5 has it."""
    document = json.loads(body)
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ValueError("this is no key set")  # noqa: TRY004 - one kind of error for one fact
    keys: dict[str | None, Key] = {}
    for entry in entries:
        key = _key(entry) if isinstance(entry, dict) else None
        if key is not None:
            kid = entry.get("kid")
            keys[kid if isinstance(kid, str) else None] = key
    return keys


def _key(entry: dict[str, Any]) -> Key | None:
    import jwt

    try:
        algorithm = _ALGORITHMS.get((entry.get("kty"), entry.get("crv")))
        if algorithm is None or entry.get("alg", algorithm) != algorithm or entry.get("use", "sig") != "sig":
            return None
        # Only the public members: a set that leaks its private ones must not make a private key here.
        public = jwt.PyJWK({name: entry[name] for name in _PUBLIC_MEMBERS if name in entry}, algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    if algorithm == "RS256" and public.key_size < _SMALLEST_RSA_BITS:
        return None
    return Key(algorithm, public)
