"""How fast Stripe may be asked."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SHARE = 0.95
"""What calls that may wait take of Stripe's limit while nobody else needs it; the rest is for jitter."""
_HALF = 0.5
_LEAST = 1 / 16
"""The share of its rate that a pace keeps, however often it was refused."""
_RECOVERY = 20.0
"""Seconds in which a pace that stood still would be back at its rate; half of it comes back in ten."""
_NEAREST = 0.8
"""How near two calls may be, in shares of what the rate has them wait: what was late catches up."""
_UNDER_WAY = 1.0
"""Seconds for which a refusal may be of a call that was let through before the pace went down."""


class TokenBucket:
    """Lets calls through at `rate` a second, with up to `burst` at once after a pause; for any thread."""

    def __init__(
        self,
        rate: float,
        *,
        burst: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if rate <= 0 or burst < 1:
            raise ValueError("a bucket needs a rate above 0 and room for one call")
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._tokens = burst
        self._filled = clock()

    def __call__(self) -> None:
        """Return when the next call may be made."""
        with self._lock:
            now = self._clock()
            self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._rate)
            self._filled = now
            # Taken in advance: whoever comes next waits for this one as well.
            self._tokens -= 1
            owed = -self._tokens / self._rate
        if owed > 0:
            self._sleep(owed)


class YieldingPace:
    """Lets calls through nearly evenly, `rate` a second, and fewer after Stripe refused one; for any thread.

    Once the account's limit is used up, it is chance who is refused. So this takes a refusal as a sign that
    others need calls: it halves its rate, and raises it again by as much each second, until the next refusal
    or its full rate. Calls that come late are made up for within a second, by calls that are a little nearer
    to each other; no second has more than `rate`, rounded up.
    """

    def __init__(
        self,
        rate: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not rate > 0:
            raise ValueError("a pace needs a rate above 0")
        self._most = rate
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._turns: deque[float] = deque(maxlen=math.ceil(rate))
        self._low = rate
        self._lowered: float | None = None

    @property
    def rate(self) -> float:
        """How many calls a second it lets through now."""
        with self._lock:
            return self._rate(self._clock())

    def __call__(self) -> None:
        """Return when the next call may be made."""
        with self._lock:
            now = self._clock()
            turn = max(now, self._earliest(self._rate(now)))
            self._turns.append(turn)
        if turn > now:
            self._sleep(turn - now)

    def refused(self) -> None:
        """Go down: Stripe refused a call, this one's or another's.

        Calls that were under way together are refused together, and that counts once.
        """
        with self._lock:
            now = self._clock()
            if self._lowered is None or now - self._lowered >= _UNDER_WAY:
                self._low = max(self._rate(now) * _HALF, self._most * _LEAST)
                self._lowered = now

    def _earliest(self, rate: float) -> float:
        """Return when a call may come after those that were let through."""
        many = math.ceil(rate)
        last = self._turns[-1] + _NEAREST / rate if self._turns else -math.inf
        return last if len(self._turns) < many else max(last, self._turns[-many] + many / rate)

    def _rate(self, now: float) -> float:
        if self._lowered is None:
            return self._most
        return min(self._most, self._low + (now - self._lowered) * self._most / _RECOVERY)
