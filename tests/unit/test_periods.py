from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.periods import Period, instant

instants = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001 -- hypothesis adds the zone
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001 -- hypothesis adds the zone
    timezones=st.just(UTC),
)


@given(bounds=st.lists(instants, min_size=2, max_size=8, unique=True), moment=instants)
def test_of_adjoining_periods_an_instant_is_in_exactly_one(bounds: list[datetime], moment: datetime) -> None:
    """Given periods that adjoin, when an instant lies between their ends, then exactly one holds it."""
    edges = sorted(bounds)
    periods = [Period(a, b) for a, b in pairwise(edges)]
    inside = edges[0] <= moment < edges[-1]
    assert sum(moment in period for period in periods) == (1 if inside else 0)


def test_a_period_refuses_local_time() -> None:
    """Given an end in another zone, when a period is made of it, then it is refused."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="UTC"):
        Period(start, datetime(2026, 2, 1, tzinfo=timezone(timedelta(hours=1))))
    with pytest.raises(ValueError, match="UTC"):
        Period(datetime(2026, 1, 1), start)  # noqa: DTZ001 -- a naive time is what is refused


def test_a_period_may_be_empty_but_not_backwards() -> None:
    """Given equal ends, then the period is empty; given an end before the start, then it is refused."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert start not in Period(start, start)
    with pytest.raises(ValueError, match="before it starts"):
        Period(start, start - timedelta(seconds=1))


def test_stripes_seconds_are_utc() -> None:
    """Given a Unix time of Stripe, when it becomes an instant, then it is that second of UTC."""
    assert instant(1_767_225_600) == datetime(2026, 1, 1, tzinfo=UTC)
