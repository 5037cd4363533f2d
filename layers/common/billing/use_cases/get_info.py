"""Anyone asks what is deployed here."""

from __future__ import annotations

from dataclasses import dataclass

NAME = "billing"
STRIPE_API_VERSION = "2026-10-28.endive"
"""The version that requests to Stripe are pinned to: that of the SDK (a test compares the two)."""


@dataclass(frozen=True, slots=True)
class Info:
    """What may be told to anyone."""

    name: str
    version: str
    environment: str
    stripe_api_version: str


@dataclass(frozen=True, slots=True)
class GetInfo:
    """Tells what is deployed; nothing here is secret."""

    version: str
    environment: str

    def __call__(self) -> Info:
        """Return name, version, environment and Stripe API version."""
        return Info(NAME, self.version, self.environment, STRIPE_API_VERSION)
