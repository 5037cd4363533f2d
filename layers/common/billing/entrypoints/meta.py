"""What is answered about the deployment, apart from presenters.py: these functions load no invoices."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from billing.domain.features import Feature
    from billing.use_cases.get_info import Info


def features(flags: Mapping[Feature, bool]) -> dict[str, object]:
    """Return the body of GET meta/features."""
    return {"features": {feature.value: on for feature, on in flags.items()}}


def info(told: Info) -> dict[str, object]:
    """Return the body of GET meta/info."""
    return {
        "name": told.name,
        "version": told.version,
        "environment": told.environment,
        "stripe_api_version": told.stripe_api_version,
    }
