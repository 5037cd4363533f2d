"""Keep what Stripe says about usage that it refused after it had taken it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from billing.use_cases.report_ports import RejectedUsageLog, StripeMeterErrors


class KeepMeterErrors:
    """Fetches what an event is about, which its delivery does not tell, and keeps it as findings."""

    def __init__(self, stripe: StripeMeterErrors, log: RejectedUsageLog) -> None:
        self._stripe = stripe
        self._log = log

    def __call__(self, event_id: str) -> int | None:
        """Return how many meter events Stripe refused, None if Stripe does not know the event (any more).

        Called again, it changes nothing.

        Raises
        ------
        UnavailableError
            Stripe or the database does not answer.
        """
        report = self._stripe.fetch(event_id)
        if report is None:
            return None
        self._log.keep(event_id, report)
        return report.total
