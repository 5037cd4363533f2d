"""Show a customer what it used day by day, or hour by hour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from billing.domain.errors import InvalidParameterError
from billing.domain.periods import Period
from billing.domain.usage import Grain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from billing.domain.usage import UsageMeter, UsagePoint
    from billing.use_cases.usage_ports import UsageOverview, UsageStore

LONGEST = {Grain.DAY: timedelta(days=400), Grain.HOUR: timedelta(days=7)}
"""The longest span that is shown at once, by its steps."""


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """What of the history is asked for; where an end is None, the current period's stands for it."""

    meter: str
    start: datetime | None
    end: datetime | None
    grain: Grain
    group_by: str | None


@dataclass(frozen=True, slots=True)
class UsageHistory:
    """The steps with usage, oldest first; each point has one group where the history is split, none else."""

    meter: UsageMeter
    span: Period
    grain: Grain
    group_by: str | None
    points: Sequence[UsagePoint]


@dataclass(frozen=True, slots=True)
class GetUsageHistory:
    """Reads the totals of a span; two round trips."""

    overview: UsageOverview
    store: UsageStore
    clock: Callable[[], datetime]

    def __call__(self, customer: str, query: HistoryQuery) -> UsageHistory:
        """Return what the customer used of a meter, step by step.

        Raises
        ------
        InvalidParameterError
            The meter or the property is not there, or the span is empty or longer than LONGEST; it
            names `meter`, `group_by`, `to` or `granularity`.
        UnavailableError
            The database or the store does not answer.
        """
        now = self.clock()
        overview = self.overview.of(customer, now)
        meter = overview.meters.get(query.meter)
        if meter is None:
            raise InvalidParameterError("meter", "is no meter that counts")
        if query.group_by is not None and query.group_by not in meter.group_by:
            raise InvalidParameterError("group_by", "is no property that this meter is split by")
        span = _span(query, overview.period(meter.name, now))
        groups = () if query.group_by is None else (query.group_by,)
        points = self.store.history(customer, meter, span, query.grain, groups)
        return UsageHistory(meter, span, query.grain, query.group_by, points)


def _span(query: HistoryQuery, current: Period) -> Period:
    start = current.start if query.start is None else query.start
    end = current.end if query.end is None else query.end
    if end <= start:
        raise InvalidParameterError("to", "must be later than from")
    if end - start > LONGEST[query.grain]:
        field = "to" if query.grain is Grain.DAY else "granularity"
        days = LONGEST[query.grain].days
        raise InvalidParameterError(field, f"a span by the {query.grain.value} has at most {days} days")
    return Period(start, end)
