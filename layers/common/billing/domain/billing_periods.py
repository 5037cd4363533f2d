"""The billing period that an instant lies in: Stripe's own while it lasts, and by Stripe's rule beyond.

Source of the rule: Stripe, "Set the subscription billing renewal date". Periods follow each other from the
billing cycle anchor; the anchor of the 31st is the last day of a month that has none.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from billing.domain.periods import Period

if TYPE_CHECKING:
    from datetime import datetime

    from billing.domain.usage_plans import MeteredItem, MeteredPrice

_FIXED = {"day": timedelta(days=1), "week": timedelta(weeks=1)}
_MONTHS = {"month": 1, "year": 12}


def period_at(item: MeteredItem | None, moment: datetime) -> Period:
    """Return the period that an instant of any timezone lies in; the UTC calendar month without an item.

    It is what Stripe last told of the item while that contains the instant. Before and after, periods go on
    from the anchor by the price's interval, cut off where Stripe's ends or starts: every instant lies in
    exactly one of them.

    Raises
    ------
    ValueError
        The price's interval is none of Stripe's.
    """
    moment = moment.astimezone(UTC)
    if item is None:
        first = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        return Period(first, _months_after(first, 1))
    told = item.current_period
    if moment in told:
        return told
    start, end = _around(item.anchor.astimezone(UTC), item.price, moment)
    if moment < told.start:
        return Period(start, min(end, told.start))
    return Period(max(start, told.end), end)


def _around(anchor: datetime, price: MeteredPrice, moment: datetime) -> tuple[datetime, datetime]:
    """Return the two renewals that an instant lies between."""
    if price.interval in _FIXED:
        length = _FIXED[price.interval] * price.interval_count
        start = anchor + (moment - anchor) // length * length
        return start, start + length
    if price.interval not in _MONTHS:
        raise ValueError(f"{price.interval} is no interval of Stripe's")
    length_in_months = _MONTHS[price.interval] * price.interval_count
    elapsed = 12 * (moment.year - anchor.year) + moment.month - anchor.month
    months = elapsed // length_in_months * length_in_months
    if _months_after(anchor, months) > moment:
        months -= length_in_months
    return _months_after(anchor, months), _months_after(anchor, months + length_in_months)


def _months_after(anchor: datetime, months: int) -> datetime:
    """Return the anchor's time of day on its day of another month, or on that month's last day."""
    year, month = divmod(12 * anchor.year + anchor.month - 1 + months, 12)
    day = min(anchor.day, monthrange(year, month + 1)[1])
    return anchor.replace(year=year, month=month + 1, day=day)
