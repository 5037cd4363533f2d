"""What metering needs from the outside; each Protocol is made real by one adapter, the store by two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal

    from billing.domain.periods import Period
    from billing.domain.usage import (
        Grain,
        LatePolicy,
        Recorded,
        UsageEvent,
        UsageMeter,
        UsagePoint,
        UsageSnapshot,
    )
    from billing.domain.usage_alerts import Threshold, UsageAlert
    from billing.domain.usage_overview import Overview
    from billing.domain.usage_plans import MeteredItem

    type Watched = tuple[str, Period]
    type React = Callable[[Mapping[Watched, Decimal]], Sequence[UsageAlert]]


class UsageMeters(Protocol):
    """The meters, as they were defined at the last deploy."""

    def all(self) -> Sequence[UsageMeter]:
        """Return every meter that counts, by name.

        Raises
        ------
        UnavailableError
            The store does not answer.
        """
        ...


class UsagePlans(Protocol):
    """What customers' subscriptions say about meters."""

    def items(self, customer: str) -> Mapping[str, MeteredItem]:
        """Return the item that prices each meter, by the meter's name; a meter without one is missing.

        Where several subscriptions have the meter it is the one that was created first.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        ...


class UsageTerms(Protocol):
    """What a customer's usage is held against."""

    def read(self, customer: str) -> tuple[Mapping[str, MeteredItem], Sequence[Threshold] | None]:
        """Return what UsagePlans.items and UsageAlerts.thresholds do, at one instant.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        ...


class UsageOverview(Protocol):
    """What everything about a customer's usage is told by, but the usage."""

    def of(self, customer: str, now: datetime) -> Overview:
        """Return every meter, what prices it, and the alerts that `UsageAlerts.fired` returns.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        ...


class UsageStore(Protocol):
    """Usage events and what they add up to; two stores give the same answers to the same history."""

    def record(
        self,
        customer: str,
        events: Sequence[UsageEvent],
        recorded_at: datetime,
        watched: Collection[Watched],
        react: React,
    ) -> Sequence[Recorded]:
        """Keep the events, and return what became of each, in the order given.

        Each is kept whole or not at all. One whose (source, id) is known is a DUPLICATE, or a CONFLICT if its
        content differs, however long ago the first came. Events that void others are taken after those that
        do not, in the order given. An event of a closed period counts where the customer's policy says.

        `watched` are meters with periods whose usage is to be told, of each meter at most one that has not
        ended by `recorded_at`: `react` is called once, with what is used in those periods now, and the alerts
        that it returns are stored and put into the outbox with the events, each once for its meter, kind,
        value and period, whoever else writes. Periods that have ended and are closed are left out.

        Raises
        ------
        UnavailableError
            The store does not answer; sent again, what was kept is a DUPLICATE.
        """
        ...

    def used(self, customer: str, spans: Mapping[str, Period]) -> Mapping[str, Decimal]:
        """Return what was used of each meter in its span, exact to the event; zero where nothing was.

        Raises
        ------
        UnavailableError
            The store does not answer.
        """
        ...

    def history(
        self, customer: str, meter: UsageMeter, span: Period, grain: Grain, group_by: Sequence[str] = ()
    ) -> Sequence[UsagePoint]:
        """Return what was used in each UTC day or hour within the span, oldest first, then by groups.

        Steps without usage are missing. The first and last step hold only what lies in the span. `group_by`
        are properties of the meter's own, in the order of their values in a point.

        Raises
        ------
        UnavailableError
            The store does not answer.
        """
        ...

    def freeze(self, customer: str, meter: str, span: Period, at: datetime) -> UsageSnapshot:
        """Close the period and return what was used in it; the first answer stands for ever.

        Raises
        ------
        UnavailableError
            The store does not answer.
        """
        ...


class UsageAlerts(Protocol):
    """The thresholds of customers, and what fired."""

    def thresholds(self, customer: str) -> Sequence[Threshold] | None:
        """Return what the customer set, None if it never set any.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        ...

    def replace(self, customer: str, thresholds: Sequence[Threshold]) -> None:
        """Put these in the place of whatever the customer has set.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        ...

    def fired(self, customer: str, since: datetime) -> Sequence[UsageAlert]:
        """Return the alerts of every period that had not ended by `since`, oldest first.

        With those that late usage fired, in the 35 days before, of periods that were over then.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        ...


class UsageMoves(Protocol):
    """Moves customers from one store of usage to the other; stores are called postgres and clickhouse."""

    def next(self, after: str, to: str) -> str | None:
        """Return the first customer after another whose events are not in the store `to`, None for none.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        ...

    def move(self, customer: str, to: str) -> int:
        """Move the customer, and return how many rows were moved; 0 if it is there already.

        Raises
        ------
        UnavailableError
            A store does not answer; the customer is where it was.
        """
        ...


class UsagePolicies(Protocol):
    """What each customer's late usage becomes."""

    def late_policy(self, customer: str) -> LatePolicy | None:
        """Return what holds for the customer, None for one that is not known.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        ...

    def set_late_policy(self, customer: str, policy: LatePolicy) -> LatePolicy | None:
        """Keep the policy for what comes from now on, and return what held before.

        A change is told to the outbox. None, and nothing is kept, for a customer that is not known.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        ...


__all__ = [
    "UsageAlerts",
    "UsageMeters",
    "UsageMoves",
    "UsageOverview",
    "UsagePlans",
    "UsagePolicies",
    "UsageStore",
    "UsageTerms",
]
