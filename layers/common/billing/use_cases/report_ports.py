"""What reporting usage to Stripe needs from the outside; each Protocol is made real by one adapter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from decimal import Decimal

    from billing.domain.usage_reports import (
        Delivery,
        Handled,
        HourReported,
        MeterErrorReport,
        Refusal,
        UsageReport,
    )

    type Handle = Callable[[UsageReport, HourReported], Handled]


class UsageReports(Protocol):
    """The reports, and the ledger of what was told of each hour."""

    def claim(self, now: datetime, most: int) -> int:
        """Write reports of what Stripe was not told of the hours until `now`; return how many.

        With each report the ledger says that it is told, in the same transaction, which is one for up to
        `most` meters of customers. Customers that are being written to are left to the next run, and so are
        meters that Stripe does not have, or adds up otherwise. Maxima, latest and different values of
        customers whose events are in another store are left to `UsageElsewhere`.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        ...

    def waiting(self) -> int:
        """Return of how many customers and meters there are reports that are not sent.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        ...

    def handle_next(self, passed: Sequence[str], handle: Handle) -> tuple[UsageReport, Handled] | None:
        """Hand the oldest unsent report to `handle`, and keep what that returns; None if none is left.

        While that takes, nobody else gets a report of the same customer and meter. `passed` are the
        identifiers to leave out. What `handle` raises leaves the report as it was.

        Raises
        ------
        UnavailableError
            The database does not answer; the report may be handed out again.
        """
        ...

    def without_meter(self, now: datetime) -> Sequence[str]:
        """Return our meters that have something to tell and no meter at Stripe that fits.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        ...


class UsageElsewhere(Protocol):
    """Usage whose events are in another store than the reports, which has to be asked what it comes to."""

    def close(self, now: datetime, more_time: Callable[[], bool]) -> int:
        """Close the periods that were billed, and return how many; what `more_time` leaves waits.

        Raises
        ------
        UnavailableError
            One of the stores does not answer; what was closed stays so.
        """
        ...

    def claim(self, now: datetime, more_time: Callable[[], bool]) -> int:
        """Write reports of maxima, latest and different values that changed until `now`; return how many.

        As `UsageReports.claim` does of the others; what `more_time` leaves waits.

        Raises
        ------
        UnavailableError
            One of the stores does not answer; what was written stays so.
        """
        ...

    def forget(self, now: datetime, months: int, more_time: Callable[[], bool]) -> int:
        """Keep of the months that ended so many months ago what their days add up to; 0 keeps all.

        Their events are deleted by a run half an hour later or more, their ids stay, and so do months that
        an open period or a report may still need. Returns how many months of customers were added up.

        Raises
        ------
        UnavailableError
            One of the stores does not answer; the next run goes on.
        """
        ...


class UsageUpkeep(Protocol):
    """What the stores of usage need done now and then."""

    def prepare(self, now: datetime) -> int:
        """Make room for the events of this month and the next two, and close the periods that were billed.

        Returns how many periods were closed.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        ...

    def forget(self, now: datetime, months: int) -> Sequence[str]:
        """Drop the events of months that ended so many months ago; return what was dropped. 0 keeps all.

        What they added up to stays, and so do months that an open period or a report may still need.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        ...


class StripeMeters(Protocol):
    """Stripe's meters, as they are told and as they add up."""

    def send(self, report: UsageReport) -> Delivery | Refusal:
        """Return what Stripe says to the report; sent twice within a day, it counts once.

        Raises
        ------
        UnavailableError
            Stripe does not answer, asks to slow down, or refuses the key.
        """
        ...

    def hour(self, meter: str, customer: str, at: datetime) -> Decimal:
        """Return what Stripe's meter of this id adds up to in the UTC hour of `at`; zero for nothing.

        Stripe adds up a little later than it takes.

        Raises
        ------
        UnavailableError
            Stripe does not answer, or does not know the meter or the customer.
        """
        ...


class StripeMeterErrors(Protocol):
    """What Stripe's events say about usage that it refused after it had taken it."""

    def fetch(self, event_id: str) -> MeterErrorReport | None:
        """Return what the event says, None if Stripe does not know it (any more).

        Raises
        ------
        UnavailableError
            Stripe does not answer, asks to slow down, or says it in another shape.
        """
        ...


class RejectedUsageLog(Protocol):
    """Where it is kept that Stripe refused usage."""

    def keep(self, event_id: str, report: MeterErrorReport) -> None:
        """Write a finding for each event that is named, and one for each reason that names none.

        Reports of ours among them are refused from then on. Kept again, nothing changes.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        ...


__all__ = [
    "RejectedUsageLog",
    "StripeMeterErrors",
    "StripeMeters",
    "UsageElsewhere",
    "UsageReports",
    "UsageUpkeep",
]
