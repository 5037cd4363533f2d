"""Secrets from AWS Secrets Manager: JSON objects, kept in memory for a few minutes, never logged."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from billing.adapters.aws.secrets_manager import read_secret
from billing.domain.errors import UnavailableError
from billing.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

KEPT_FOR = 300.0
"""Seconds for which a value is used without asking again."""

STALE_FOR = 3600.0
"""Seconds for which a value is still used while Secrets Manager does not answer."""


@dataclass(frozen=True, slots=True)
class _Kept:
    values: Mapping[str, object]
    read_at: float


class Secrets:
    """Reads secrets by name or ARN.

    A value is kept for KEPT_FOR seconds. While Secrets Manager is away an older value still serves,
    up to STALE_FOR seconds; a demand to refresh is never answered from memory.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[str, _Kept] = {}

    def get(self, secret_id: str, *, refresh: bool = False) -> Mapping[str, object]:
        """Return the secret's JSON object.

        Raises
        ------
        UnavailableError
            Secrets Manager does not answer, and nothing usable is kept.
        SettingsError
            The secret is not a JSON object, or does not exist.
        """
        kept = self._kept.get(secret_id)
        if kept is not None and not refresh and self._clock() - kept.read_at < KEPT_FOR:
            return kept.values
        try:
            values = self._read(secret_id)
        except UnavailableError:
            if kept is None or refresh or self._clock() - kept.read_at >= STALE_FOR:
                raise
            return kept.values
        self._kept[secret_id] = _Kept(values, self._clock())
        return values

    def text(self, secret_id: str, key: str, *, refresh: bool = False) -> str:
        """Return one string of the secret.

        Raises
        ------
        UnavailableError
            Secrets Manager does not answer.
        SettingsError
            The key is missing, or not a non-empty string; the message names it.
        """
        value = self.get(secret_id, refresh=refresh).get(key)
        if not isinstance(value, str) or not value:
            raise SettingsError(f"the secret {secret_id} has no text under the key {key!r}")
        return value

    def texts(self, secret_id: str, key: str, *, refresh: bool = False) -> tuple[str, ...]:
        """Return a list of strings of the secret; at least one.

        Raises
        ------
        UnavailableError
            Secrets Manager does not answer.
        SettingsError
            The key is missing, or not a list of non-empty strings; the message names it.
        """
        value = self.get(secret_id, refresh=refresh).get(key)
        texts = (
            tuple(text for text in value if isinstance(text, str) and text) if isinstance(value, list) else ()
        )
        if not isinstance(value, list) or not texts or len(texts) != len(value):
            raise SettingsError(f"the secret {secret_id} has no list of texts under the key {key!r}")
        return texts

    def _read(self, secret_id: str) -> Mapping[str, object]:
        try:
            values = json.loads(read_secret(secret_id, os.environ))
        except ValueError:
            # Not chained: a JSON error carries the document, which is the secret.
            raise SettingsError(f"the secret {secret_id} is not JSON") from None
        if not isinstance(values, dict):
            raise SettingsError(f"the secret {secret_id} is not a JSON object")
        return values
