"""Secrets of one local cloud: random, made once, in a file that only its owner reads."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

from local.files import read_json, write_private_json
from local.problems import LocalCloudError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

STRIPE_TEST_KEYS = ("sk_test_", "rk_test_")


@dataclass(frozen=True, slots=True, repr=False)
class LocalSecrets:
    """The secrets; `stripe_key` is for the stand-in only, `api_key` is the demo customer's."""

    webhook_secret: str
    stripe_key: str
    api_key: str

    @classmethod
    def load(cls, path: Path) -> LocalSecrets:
        """Return the secrets in the file; those that it lacks are made and written first."""
        present = read_json(path)
        made = cls(
            webhook_secret=f"whsec_{secrets.token_urlsafe(32)}",
            stripe_key=f"sk_test_{secrets.token_hex(24)}",
            api_key=new_api_key(),
        )
        known = {field.name: present[field.name] for field in fields(cls) if present.get(field.name)}
        loaded = cls(**{**asdict(made), **known})
        if asdict(loaded) != present:
            write_private_json(path, asdict(loaded))
        return loaded


def stripe_test_key(environment: Mapping[str, str]) -> str | None:
    """Return the developer's own key of Stripe's test mode, None when they gave none.

    Raises
    ------
    LocalCloudError
        STRIPE_API_KEY is not a key of the test mode: demo data must never reach a live account.
    """
    key = environment.get("STRIPE_API_KEY", "")
    if not key:
        return None
    if not key.startswith(STRIPE_TEST_KEYS):
        kind = "a live key" if "_live_" in key[:8] else "not a key of Stripe's test mode"
        raise LocalCloudError(f"STRIPE_API_KEY is {kind}: give one that begins with sk_test_, or unset it")
    return key


def new_api_key() -> str:
    """Return a new API key: ``bk_`` and 256 random bits as 43 base64url characters."""
    return "bk_" + base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()


def api_key_hash(key: str) -> bytes:
    """Return what the database keeps of an API key: its SHA-256. 256 random bits need no slow hash."""
    return hashlib.sha256(key.encode()).digest()
