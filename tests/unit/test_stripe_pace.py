from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.adapters.stripe.pace import TokenBucket


class Time:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def clock(self) -> float:
        """Return the time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


@given(
    rate=st.floats(1, 100),
    share=st.floats(0, 1),
    pauses=st.lists(st.floats(0, 0.2), min_size=1, max_size=200),
)
def test_no_second_has_more_calls_than_rate_and_burst(rate: float, share: float, pauses: list[float]) -> None:
    """Given calls with any pauses between, when each waits for its turn, then no second has too many."""
    burst = 1 + share * rate
    time = Time()
    bucket = TokenBucket(rate, burst=burst, clock=time.clock, sleep=time.sleep)
    calls = []
    for pause in pauses:
        time.sleep(pause)
        bucket()
        calls.append(time.now)
    for start in calls:
        within = sum(start <= call < start + 1 for call in calls)
        assert within <= rate + burst + 1e-6


def test_calls_that_do_not_pause_come_at_the_rate() -> None:
    """Given calls without pause, when 101 were made at 20 a second, then 5 seconds have passed."""
    time = Time()
    bucket = TokenBucket(20, clock=time.clock, sleep=time.sleep)
    for _ in range(101):
        bucket()
    assert time.now == pytest.approx(5.0)


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (-1, 1), (1, 0.5)])
def test_a_bucket_that_lets_nothing_through_is_refused(rate: float, burst: float) -> None:
    """Given a rate of nothing or no room for a call, when the bucket is made, then that is an error."""
    with pytest.raises(ValueError, match="bucket"):
        TokenBucket(rate, burst=burst)
