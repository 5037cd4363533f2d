"""A customer looks at their thresholds, and at what fired."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from billing.domain.usage_alerts import thresholds_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from billing.domain.usage_alerts import Threshold, UsageAlert
    from billing.use_cases.usage_ports import UsageAlerts, UsageMeters


@dataclass(frozen=True, slots=True)
class AlertsOverview:
    """What holds for a customer and whether it `chose` so, and what fired in the periods that go on.

    `fired` has what late usage fired of earlier periods lately, too.
    """

    chose: bool
    thresholds: Sequence[Threshold]
    fired: Sequence[UsageAlert]


@dataclass(frozen=True, slots=True)
class GetAlerts:
    """Reads a customer's thresholds, the defaults where it never set any, and its alerts."""

    meters: UsageMeters
    alerts: UsageAlerts
    clock: Callable[[], datetime]

    def __call__(self, customer: str) -> AlertsOverview:
        """Return the thresholds, and the alerts oldest first.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        chosen = self.alerts.thresholds(customer)
        names = [] if chosen is not None else [meter.name for meter in self.meters.all()]
        return AlertsOverview(
            chose=chosen is not None,
            thresholds=thresholds_of(chosen, names),
            fired=self.alerts.fired(customer, self.clock()),
        )
