"""Ask Stripe whether there is anything to sweep at all, so that a database that pauses can go on sleeping."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from billing.domain.errors import UnavailableError
from billing.domain.recovery import SweptWindow
from billing.use_cases.sweep_stripe_events import GRACE, OVERLAP

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from billing.use_cases.ports import Clock
    from billing.use_cases.recovery_ports import SweepMemory
    from billing.use_cases.sweep_stripe_events import SweepStripeEvents, Swept

TRUSTED = timedelta(days=1)
"""For so long a finished sweep is believed without the database, which may have been restored meanwhile."""

MOST_REMEMBERED = 1000
"""Events of one window; where there are more, the database is awake anyway."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """Stripe lists nothing between these instants but the `listed` events that a sweep has seen to.

    `lag` is how long ago the second one was.
    """

    since: datetime
    until: datetime
    listed: int
    lag: timedelta


class SweepIfNew:
    """Sweeps, unless everything that Stripe lists was listed to the last finished sweep.

    What that one saw had ended, was under way, or was put on the queue, before it was remembered. The memory
    may be lost, late or away: then it is swept, as always without one. Nothing is remembered of a look that
    found nothing.
    """

    def __init__(
        self,
        sweep: SweepStripeEvents,
        memory: SweepMemory | None,
        clock: Clock,
        *,
        trusted: timedelta = TRUSTED,
    ) -> None:
        self._sweep = sweep
        self._memory = memory
        self._clock = clock
        self._trusted = trusted

    def __call__(self, more_time: Callable[[], bool], *, wanted: bool = False) -> Swept | Quiet:
        """Return what was done; with `wanted` it is swept whatever is remembered.

        Raises
        ------
        UnavailableError, OvertakenError, WrongAccountError
            As of the sweep.
        """
        now = self._clock()
        memory = self._memory
        quiet = None if wanted or memory is None else self._quiet(memory, now)
        if quiet is not None:
            return quiet
        swept = self._sweep(more_time)
        if memory is not None and swept.seen is not None and len(swept.seen) <= MOST_REMEMBERED:
            _keep(memory, SweptWindow(swept.sweep.until, swept.sweep.types, swept.seen, now))
        return swept

    def _quiet(self, memory: SweepMemory, now: datetime) -> Quiet | None:
        try:
            known = memory.recall()
            if known is None or known.types != self._sweep.types or now - known.at > self._trusted:
                return None
            since, until = known.until - OVERLAP, max(now - GRACE, known.until)
            listed = 0
            for event_id in self._sweep.listed(since, until):
                if event_id not in known.seen:
                    return None
                listed += 1
        except UnavailableError:
            # The sweep will say who does not answer, and keep it.
            return None
        return Quiet(since, until, listed, now - until)


def _keep(memory: SweepMemory, window: SweptWindow) -> None:
    try:
        memory.keep(window)
    except UnavailableError:
        # Then the next run sweeps.
        return
