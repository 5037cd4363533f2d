"""Signs bodies as Stripe does, written from its documentation and apart from the code under test."""

from __future__ import annotations

import hmac
import time
from hashlib import sha256


def stripe_signature(body: bytes, secret: str, *, at: float | None = None) -> str:
    """Return the Stripe-Signature header of a body, signed `at` a Unix time (now by default)."""
    moment = int(time.time() if at is None else at)
    digest = hmac.new(secret.encode(), str(moment).encode() + b"." + body, sha256).hexdigest()
    return f"t={moment},v1={digest}"
