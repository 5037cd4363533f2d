"""Feature flags in memory."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class FakeFeatureFlags:
    """Flags by name; `asked` lists what was asked, in order."""

    flags: dict[str, bool]
    asked: list[str] = field(default_factory=list)

    def enabled(self, feature: str) -> bool:
        """Return whether the feature is on; an unknown feature is off."""
        self.asked.append(feature)
        return self.flags.get(feature, False)
