"""A customer sets their thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from billing.domain.errors import InvalidParameterError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from billing.domain.usage_alerts import Threshold
    from billing.use_cases.get_alerts import AlertsOverview, GetAlerts
    from billing.use_cases.usage_ports import UsageAlerts, UsageMeters


@dataclass(frozen=True, slots=True)
class PutAlerts:
    """Puts thresholds in the place of all that a customer had."""

    meters: UsageMeters
    alerts: UsageAlerts
    get: GetAlerts

    def __call__(self, customer: str, thresholds: Sequence[Threshold]) -> AlertsOverview:
        """Return what holds from now on; what fired stays, and fires no second time in its period.

        Raises
        ------
        InvalidParameterError
            A threshold is of no meter that there is; nothing is changed.
        UnavailableError
            The database does not answer.
        """
        known = {meter.name for meter in self.meters.all()}
        for place, threshold in enumerate(thresholds):
            if threshold.meter not in known:
                raise InvalidParameterError(f"thresholds[{place}].meter", "is no meter")
        self.alerts.replace(customer, thresholds)
        return self.get(customer)
