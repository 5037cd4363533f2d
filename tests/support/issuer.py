"""An OIDC issuer over real HTTP: it publishes keys, signs tokens, and can be taken away."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

if TYPE_CHECKING:
    from collections.abc import Iterator

AUDIENCE = "billing"


class SigningKey:
    """A private key with the JWK that is published of it."""

    def __init__(self, private: Any, algorithm: str, kid: str) -> None:
        self.private = private
        self.algorithm = algorithm
        kind = jwt.get_algorithm_by_name(algorithm)
        self.jwk: dict[str, Any] = {
            **json.loads(kind.to_jwk(private.public_key())),
            "kid": kid,
            "use": "sig",
            "alg": algorithm,
        }

    @property
    def kid(self) -> str:
        """The key id that tokens name."""
        return str(self.jwk["kid"])


def rsa_key(kid: str = "rsa", bits: int = 2048) -> SigningKey:
    """Return a new RSA key."""
    return SigningKey(rsa.generate_private_key(public_exponent=65537, key_size=bits), "RS256", kid)


def ec_key(kid: str = "ec") -> SigningKey:
    """Return a new P-256 key."""
    return SigningKey(ec.generate_private_key(ec.SECP256R1()), "ES256", kid)


def ed_key(kid: str = "ed") -> SigningKey:
    """Return a new Ed25519 key."""
    return SigningKey(ed25519.Ed25519PrivateKey.generate(), "EdDSA", kid)


class Issuer:
    """What the issuer publishes: change `body` or `status`; `requests` counts the fetches."""

    def __init__(self, url: str, keys: list[SigningKey]) -> None:
        self.url = url
        self.jwks_url = f"{url}/jwks"
        self.status = 200
        self.requests = 0
        self.body = b""
        self.keys = keys
        self.publish(keys)

    def publish(self, keys: list[SigningKey]) -> None:
        """Replace the key set."""
        self.body = json.dumps({"keys": [key.jwk for key in keys]}).encode()

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Return the claims of a good token, changed; None removes a claim."""
        now = int(time.time())
        claims = {"iss": self.url, "aud": AUDIENCE, "sub": "anna", "iat": now, "exp": now + 300}
        return {name: value for name, value in (claims | changes).items() if value is not None}

    def token(
        self, key: SigningKey | None = None, headers: dict[str, Any] | None = None, **changes: Any
    ) -> str:
        """Return a good token, changed."""
        used = key or self.keys[0]
        written = {"kid": used.kid, **(headers or {})}
        return jwt.encode(
            self.claims(**changes),
            used.private,
            used.algorithm,
            headers={name: value for name, value in written.items() if value is not None},
        )


@contextmanager
def running_issuer(*keys: SigningKey) -> Iterator[Issuer]:
    """Serve an issuer on a free port of this machine while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.requests += 1
            self.send_response(issuer.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(issuer.body)))
            self.end_headers()
            self.wfile.write(issuer.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer = Issuer(f"http://127.0.0.1:{server.server_address[1]}", list(keys))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
