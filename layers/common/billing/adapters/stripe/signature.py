"""Stripe's webhook signature, scheme v1, with the standard library only.

Source: Stripe, "Verify webhook signatures manually". The SDK is not used because importing it costs
more than the whole request, and because it knows one secret only and accepts the far future.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from billing.domain.errors import SignatureRejectedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from billing.use_cases.ports import Clock

TOLERANCE = timedelta(seconds=300)
"""How old or how far ahead a signature may be (Stripe's default, here in both directions)."""

REFRESH_INTERVAL = timedelta(seconds=30)
"""A mismatch makes the secrets be read anew at most this often, so that forgeries cannot hammer the store."""

_LONGEST_HEADER = 4096
_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)
_SIGNATURE = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Signed:
    timestamp: str
    signatures: tuple[bytes, ...]


class StripeSignatureVerifier:
    """Accepts a body that one of the active secrets signed within the tolerance.

    `secrets` returns the active secrets, several while one is being rolled; True asks for a fresh
    reading. A body that matches none of them makes the secrets be read anew, so that a secret
    rolled a moment ago holds at once, but at most once per REFRESH_INTERVAL.
    """

    def __init__(
        self,
        secrets: Callable[[bool], Sequence[str]],
        clock: Clock,
        tolerance: timedelta = TOLERANCE,
    ) -> None:
        self._secrets = secrets
        self._clock = clock
        self._tolerance = tolerance
        self._refreshed: datetime | None = None

    def verify(self, payload: bytes, signature: str | None) -> None:
        """Return when the signature holds for these raw bytes.

        Raises
        ------
        SignatureRejectedError
            Missing, malformed, wrong for every active secret, or over 300 s old or ahead.
        UnavailableError
            The secrets cannot be read.
        """
        signed = _parse(signature)
        now = self._clock()
        if abs(now.timestamp() - int(signed.timestamp)) > self._tolerance.total_seconds():
            raise SignatureRejectedError("The signature's timestamp is not within 300 seconds of now.")
        if _matches(signed, payload, self._secrets(False)):  # noqa: FBT003 - a Callable has no keyword
            return
        if self._may_refresh(now) and _matches(signed, payload, self._secrets(True)):  # noqa: FBT003 - same
            return
        raise SignatureRejectedError("No signature matches the body.")

    def _may_refresh(self, now: datetime) -> bool:
        if self._refreshed is not None and now - self._refreshed < REFRESH_INTERVAL:
            return False
        self._refreshed = now
        return True


def _parse(header: str | None) -> _Signed:
    if not header:
        raise SignatureRejectedError("The Stripe-Signature header is missing.")
    if len(header) > _LONGEST_HEADER:
        raise SignatureRejectedError("The Stripe-Signature header is too long.")
    timestamps: list[str] = []
    signatures: list[bytes] = []
    for item in header.split(","):
        scheme, equals, value = item.partition("=")
        if not equals:
            raise SignatureRejectedError("The Stripe-Signature header is malformed.")
        if scheme == "t":
            timestamps.append(value)
        elif scheme == "v1" and _SIGNATURE.fullmatch(value):
            signatures.append(value.encode())
    if len(timestamps) != 1 or not _TIMESTAMP.fullmatch(timestamps[0]):
        raise SignatureRejectedError("The Stripe-Signature header has no single timestamp.")
    if not signatures:
        raise SignatureRejectedError("The Stripe-Signature header has no v1 signature.")
    return _Signed(timestamps[0], tuple(signatures))


def _matches(signed: _Signed, payload: bytes, secrets: Sequence[str]) -> bool:
    message = signed.timestamp.encode() + b"." + payload
    found = False
    for secret in secrets:
        # An empty secret would let everybody sign.
        if not secret.strip():
            continue
        expected = hmac.new(secret.encode(), message, sha256).hexdigest().encode()
        for signature in signed.signatures:
            found |= hmac.compare_digest(expected, signature)
    return found
