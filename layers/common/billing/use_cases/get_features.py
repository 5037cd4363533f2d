"""Anyone asks which features are on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from billing.domain.features import Feature

if TYPE_CHECKING:
    from billing.use_cases.access_ports import FeatureFlags


@dataclass(frozen=True, slots=True)
class GetFeatures:
    """Reads every feature flag."""

    flags: FeatureFlags

    def __call__(self) -> dict[Feature, bool]:
        """Return each feature with whether it is on."""
        return {feature: self.flags.enabled(feature) for feature in Feature}
