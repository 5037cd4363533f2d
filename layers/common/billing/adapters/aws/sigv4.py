"""AWS Signature Version 4 for requests without a query, with the standard library only.

Source: AWS, "Create a signed AWS API request". botocore's signer is the same and costs its import.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class AwsCredentials:
    """An access key; `session_token` is empty for a key of a user, which lasts."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What is signed of a POST: `host` with its port where that is not the scheme's own."""

    host: str
    headers: Mapping[str, str]
    body: bytes


def signed_headers(
    request: SignedRequest, credentials: AwsCredentials, *, region: str, service: str, at: datetime
) -> dict[str, str]:
    """Return the headers to send with a POST to `/`: the request's own, the date and the signature.

    `at` is in UTC. Every header is signed.
    """
    stamp = at.strftime("%Y%m%dT%H%M%SZ")
    headers = {**request.headers, "Host": request.host, "X-Amz-Date": stamp}
    if credentials.session_token:
        headers["X-Amz-Security-Token"] = credentials.session_token
    lines = sorted((name.lower(), " ".join(value.split())) for name, value in headers.items())
    names = ";".join(name for name, _ in lines)
    canonical = "\n".join(
        ("POST", "/", "", *(f"{name}:{value}" for name, value in lines), "", names, _hash(request.body))
    )
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    text = f"{_ALGORITHM}\n{stamp}\n{scope}\n{_hash(canonical.encode())}"
    signature = _signature(credentials.secret_key, scope, text)
    signed = f"Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    headers["Authorization"] = f"{_ALGORITHM} {signed}"
    return headers


def _signature(secret_key: str, scope: str, text: str) -> str:
    key = f"AWS4{secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), sha256)
    return hmac.digest(key, text.encode(), sha256).hex()


def _hash(content: bytes) -> str:
    return sha256(content).hexdigest()
