"""How fast Stripe is asked: never over the limit, and slower where others need its calls."""

from __future__ import annotations

import math
import random
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.adapters.stripe.pace import SHARE, TokenBucket, YieldingPace
from local.stripe_standin.rate_limit import RateLimit

_RATES = st.floats(1, 100)
_PAUSES = st.lists(st.tuples(st.floats(0, 0.5), st.booleans()), min_size=1, max_size=200)
"""How long a caller waits before its call, and whether Stripe refuses that."""


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


def calls_of(pace: YieldingPace, time: Time, pauses: list[tuple[float, bool]]) -> list[float]:
    """Return when each call was made, some of which Stripe refused."""
    calls = []
    for pause, refused in pauses:
        time.sleep(pause)
        pace()
        calls.append(time.now)
        if refused:
            pace.refused()
    return calls


@given(limit=st.integers(1, 100), pauses=_PAUSES)
def test_no_second_has_more_calls_than_the_limit(limit: int, pauses: list[tuple[float, bool]]) -> None:
    """Given any pauses and refusals, when calls take turns at the share, then no second has too many."""
    time = Time()
    calls = calls_of(YieldingPace(SHARE * limit, clock=time.clock, sleep=time.sleep), time, pauses)
    for start in calls:
        assert sum(start <= call < start + 1 - 1e-9 for call in calls) <= limit


@given(rate=_RATES, pauses=_PAUSES)
def test_two_calls_are_never_nearer_than_the_rate_allows(
    rate: float, pauses: list[tuple[float, bool]]
) -> None:
    """Given any pauses and refusals, when calls take turns, each has four fifths of its share of a second."""
    time = Time()
    calls = calls_of(YieldingPace(rate, clock=time.clock, sleep=time.sleep), time, pauses)
    assert all(after - before >= 0.8 / rate - 1e-9 for before, after in pairwise(calls))


@given(pauses=st.lists(st.floats(0, 0.09), min_size=100, max_size=300))
def test_what_is_late_is_made_up_for(pauses: list[float]) -> None:
    """Given work between calls that now and then takes twice its time, when it pauses less, it catches up."""
    time = Time()
    pace = YieldingPace(20, clock=time.clock, sleep=time.sleep)
    lates = [pause if n % 10 == 0 else 0.03 for n, pause in enumerate(pauses)]
    calls_of(pace, time, [(pause, False) for pause in lates])
    assert time.now <= (len(lates) - 1) / 20 + 0.1


@given(rate=_RATES, pauses=_PAUSES)
def test_a_refusal_halves_the_pace(rate: float, pauses: list[tuple[float, bool]]) -> None:
    """Given any history, when one is refused over a second later, then half of the rate is left."""
    time = Time()
    pace = YieldingPace(rate, clock=time.clock, sleep=time.sleep)
    calls_of(pace, time, pauses)
    time.sleep(1.1)
    before = pace.rate
    pace.refused()
    assert pace.rate == pytest.approx(max(before / 2, rate / 16))


def test_calls_that_are_refused_together_count_once() -> None:
    """Given eight calls under way, when all are refused within a second, then the pace is halved once."""
    time = Time()
    pace = YieldingPace(20, clock=time.clock, sleep=time.sleep)
    for _ in range(8):
        pace.refused()
        time.sleep(0.1)
    assert 10 < pace.rate < 11


@given(rate=_RATES, pauses=_PAUSES)
def test_the_pace_comes_back_and_no_further(rate: float, pauses: list[tuple[float, bool]]) -> None:
    """Given any history, when nothing is refused any more, then each second is faster, up to the rate."""
    time = Time()
    pace = YieldingPace(rate, clock=time.clock, sleep=time.sleep)
    calls_of(pace, time, pauses)
    rates = [pace.rate]
    for _ in range(20):
        time.sleep(1)
        rates.append(pace.rate)
    assert all(after > before or after == rate for before, after in pairwise(rates))
    assert rates[-1] == rate


@given(rate=_RATES, refusals=st.lists(st.floats(0, 5), max_size=100))
def test_the_pace_never_stands_still(rate: float, refusals: list[float]) -> None:
    """Given a Stripe that refuses on and on, when a call waits, then for no longer than 16 calls' time."""
    time = Time()
    pace = YieldingPace(rate, clock=time.clock, sleep=time.sleep)
    for pause in refusals:
        time.sleep(pause)
        pace.refused()
        assert rate / 16 - 1e-9 <= pace.rate <= rate
        began = time.now
        pace()
        assert time.now - began <= 16 / rate + 1e-9


def test_threads_share_the_pace() -> None:
    """Given eight threads that call at one moment, when each gets its turn, then no two have the same."""
    turns: list[float] = []
    pace = YieldingPace(20, clock=lambda: 0.0, sleep=turns.append)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: pace(), range(400)))
    expected = [n // 20 + n % 20 * 0.8 / 20 for n in range(1, 400)]
    assert sorted(turns) == pytest.approx(expected)


def refused_of_others(limit: int, needed: float, *, yields: bool) -> float:
    """Return the share of others' calls, which come at random, that Stripe refuses beside a backfill."""
    time, chance = Time(), random.Random(limit)  # noqa: S311 - spreads calls, protects nothing
    stripe = RateLimit(clock=time.clock)
    stripe.set(limit)
    theirs: list[bool] = []

    def sleep(seconds: float) -> None:
        until = time.now + seconds
        while (pause := chance.expovariate(needed * limit)) < until - time.now:
            time.sleep(pause)
            theirs.append(stripe.takes())
        time.now = until

    pace = YieldingPace(SHARE * limit, clock=time.clock, sleep=sleep)
    while time.now < 120:
        pace()
        if not stripe.takes() and yields:
            pace.refused()
    return theirs.count(False) / len(theirs)


@pytest.mark.parametrize("limit", [25, 100])
@pytest.mark.parametrize("needed", [0.1, 0.25, 0.5, 0.75])
def test_whoever_shares_the_limit_gets_what_it_needs(limit: int, needed: float) -> None:
    """Given others that need up to three quarters of the limit, when it yields, then few of theirs fail."""
    beside_one_that_yields = refused_of_others(limit, needed, yields=True)
    assert beside_one_that_yields < 0.1
    assert beside_one_that_yields < refused_of_others(limit, needed, yields=False) / 5


@pytest.mark.parametrize("rate", [0, -1, math.nan])
def test_a_pace_of_nothing_is_refused(rate: float) -> None:
    """Given a rate of nothing, when the pace is made, then that is an error."""
    with pytest.raises(ValueError, match="pace"):
        YieldingPace(rate)
