from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.billing_periods import period_at
from billing.domain.periods import Period
from tests.support.metered import metered_item, metered_price

if TYPE_CHECKING:
    from billing.domain.usage_plans import MeteredItem

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia"]
INTERVALS = [("day", 365), ("week", 52), ("month", 12), ("year", 3)]

instants = st.datetimes(
    min_value=datetime(2010, 1, 1),  # noqa: DTZ001 -- hypothesis adds the zone
    max_value=datetime(2050, 1, 1),  # noqa: DTZ001 -- hypothesis adds the zone
    timezones=st.sampled_from(ZONES).map(ZoneInfo),
)
month_ends = st.builds(
    lambda year, month, back, seconds: (
        datetime(year, month, 1, tzinfo=UTC) + timedelta(days=30 - back, seconds=seconds)
    ),
    st.integers(2015, 2040),
    st.sampled_from([1, 3, 5, 7, 8, 10, 12]),
    st.integers(0, 3),
    st.integers(0, 86_399),
)


@st.composite
def items(draw: st.DrawFn) -> MeteredItem:
    """Draw an item whose period may be anything: a whole one, a trial, a stub."""
    unit, most = draw(st.sampled_from(INTERVALS))
    price = metered_price(every=(draw(st.integers(1, most)), unit))
    anchor = draw(instants | month_ends).astimezone(UTC)
    told = metered_item(price, Period(anchor, anchor), anchor)
    whole = period_at(told, draw(instants))
    ends = sorted([whole.start, draw(st.sampled_from([whole.end, draw(instants).astimezone(UTC)]))])
    return metered_item(price, Period(*ends), anchor)


@given(item=st.none() | items(), moment=instants)
def test_an_instant_lies_in_the_period_that_is_told_of_it(item: MeteredItem | None, moment: datetime) -> None:
    """Given any item, anchor and timezone, when an instant's period is asked for, then it lies in it."""
    assert moment in period_at(item, moment)


@given(item=st.none() | items(), moment=instants)
def test_periods_touch_and_every_instant_is_in_exactly_one(
    item: MeteredItem | None, moment: datetime
) -> None:
    """Given any item, when neighbours of a period are asked for, then they touch it, and all in it agree."""
    period = period_at(item, moment)
    assert period_at(item, period.start) == period
    assert period_at(item, period.end - timedelta(microseconds=1)) == period
    assert period_at(item, period.end).start == period.end
    assert period_at(item, period.start - timedelta(microseconds=1)).end == period.start


@given(moment=instants, other=instants, item=st.none() | items())
def test_two_instants_are_in_one_period_or_in_two_that_do_not_overlap(
    moment: datetime, other: datetime, item: MeteredItem | None
) -> None:
    """Given two instants, when their periods differ, then one ends before the other starts."""
    one, two = period_at(item, moment), period_at(item, other)
    assert one == two or one.end <= two.start or two.end <= one.start


def test_the_period_that_stripe_told_stands_while_it_lasts() -> None:
    """Given a trial off the anchor's grid, when an instant lies in it, then it is the period."""
    trial = Period(datetime(2026, 3, 3, tzinfo=UTC), datetime(2026, 3, 17, tzinfo=UTC))
    item = metered_item(period=trial, anchor=trial.end)
    assert period_at(item, datetime(2026, 3, 9, tzinfo=UTC)) == trial
    assert period_at(item, trial.end) == Period(trial.end, datetime(2026, 4, 17, tzinfo=UTC))
    assert period_at(item, datetime(2026, 3, 2, tzinfo=UTC)) == Period(
        datetime(2026, 2, 17, tzinfo=UTC), trial.start
    )


@pytest.mark.parametrize(
    ("moment", "start", "end"),
    [
        ("2026-02-15T00:00:00+00:00", "2026-01-31T09:30:00+00:00", "2026-02-28T09:30:00+00:00"),
        ("2026-02-28T09:30:00+00:00", "2026-02-28T09:30:00+00:00", "2026-03-31T09:30:00+00:00"),
        ("2026-04-30T09:29:59+00:00", "2026-03-31T09:30:00+00:00", "2026-04-30T09:30:00+00:00"),
        ("2028-02-29T12:00:00+00:00", "2028-02-29T09:30:00+00:00", "2028-03-31T09:30:00+00:00"),
        ("2025-12-31T09:30:00+00:00", "2025-12-31T09:30:00+00:00", "2026-01-31T09:30:00+00:00"),
    ],
)
def test_the_31st_is_the_last_day_of_a_shorter_month_and_comes_back(
    moment: str, start: str, end: str
) -> None:
    """Given an anchor on January 31, when later months are asked for, then Stripe's documented days are."""
    anchor = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
    item = metered_item(period=Period(anchor, anchor), anchor=anchor)
    period = period_at(item, datetime.fromisoformat(moment))
    assert (period.start.isoformat(), period.end.isoformat()) == (start, end)


def test_a_leap_day_renews_on_the_28th_of_other_years() -> None:
    """Given a yearly price anchored on February 29, when a common year is asked for, then it is the 28th."""
    anchor = datetime(2024, 2, 29, tzinfo=UTC)
    item = metered_item(metered_price(every=(1, "year")), Period(anchor, anchor), anchor)
    assert period_at(item, datetime(2026, 6, 1, tzinfo=UTC)) == Period(
        datetime(2026, 2, 28, tzinfo=UTC), datetime(2027, 2, 28, tzinfo=UTC)
    )
    assert period_at(item, datetime(2028, 2, 28, 12, tzinfo=UTC)).end == datetime(2028, 2, 29, tzinfo=UTC)


def test_a_week_is_seven_days_of_utc_across_a_change_of_clocks() -> None:
    """Given a weekly price, when local clocks change within the week, then it has 168 hours all the same."""
    anchor = datetime(2026, 3, 27, 8, tzinfo=UTC)
    item = metered_item(metered_price(every=(1, "week")), Period(anchor, anchor), anchor)
    berlin = datetime(2026, 3, 29, 3, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    assert period_at(item, berlin) == Period(anchor, anchor + timedelta(hours=168))


def test_without_an_item_the_period_is_the_month_of_utc() -> None:
    """Given no item and an instant that is another month locally, when asked, then UTC's month counts."""
    auckland = datetime(2026, 5, 1, 6, tzinfo=ZoneInfo("Pacific/Auckland"))
    assert period_at(None, auckland) == Period(
        datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)
    )


def test_an_interval_that_is_not_stripes_is_refused() -> None:
    """Given a price of an unknown interval, when its period is asked for, then it is refused by name."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    item = metered_item(metered_price(every=(1, "fortnight")), Period(start, start))
    with pytest.raises(ValueError, match="fortnight"):
        period_at(item, start)
