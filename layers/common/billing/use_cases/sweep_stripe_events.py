"""Sweep over Stripe's list of events: what never came here is put on the queue, as if it had."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from billing.domain.errors import BillingError, PayloadRejectedError
from billing.domain.recovery import EVENTS_KEPT, CursorGoneError, OvertakenError, WrongAccountError
from billing.use_cases.queue_body import queue_body

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from billing.domain.recovery import Sweep
    from billing.use_cases.ports import Clock, EventQueue
    from billing.use_cases.recovery_ports import StripeEvents, SweepLog

OVERLAP = timedelta(hours=1)
"""How far a sweep reaches back into what the one before has seen: Stripe may list an event late."""

GRACE = timedelta(minutes=2)
"""Events younger than this are left to the webhook, which is about to deliver them."""

PATIENCE = timedelta(hours=4)
"""For so long an event that failed, or that a sweep has queued, is left to the queue, which tries it for
about three hours; after that only the dead-letter queue has it, and one more series of tries does no harm."""

MOST_TYPES = 20
"""Types that one list of Stripe's can be asked for ("List all events", types)."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What one run did: the sweep as it stands, and what this run found missing and queued.

    `lag` is how long ago the last complete sweep ended its window, None if none ever finished.
    """

    sweep: Sweep
    missing: int
    queued: int
    lag: timedelta | None


class SweepStripeEvents:
    """Compares Stripe's list with the inbox, page by page, from where the last sweep or run ended.

    `types` are the event types that change state; `livemode` is the mode that this system mirrors.
    """

    def __init__(
        self,
        events: StripeEvents,
        queue: EventQueue,
        log: SweepLog,
        clock: Clock,
        *,
        types: Sequence[str],
        livemode: bool,
        overlap: timedelta = OVERLAP,
        grace: timedelta = GRACE,
    ) -> None:
        self._events = events
        self._queue = queue
        self._log = log
        self._clock = clock
        self._types = tuple(sorted(types))
        self._livemode = livemode
        self._overlap = overlap
        self._grace = grace

    def __call__(self, more_time: Callable[[], bool]) -> Swept:
        """Return what was done; the sweep is finished, or `more_time` said no before a page.

        Raises
        ------
        UnavailableError
            Stripe, the queue or the database does not answer; the next run goes on from the page's start.
        OvertakenError
            Another run works on the same sweep and is ahead.
        WrongAccountError
            Stripe's events are of the other mode.
        """
        began = sweep = self._opened()
        try:
            while not sweep.finished and more_time():
                sweep = self._step(sweep)
        except OvertakenError:
            raise
        except BillingError as error:
            self._log.failed(sweep, f"{type(error).__name__}: {error}")
            raise
        last = self._log.last_until()
        return Swept(
            sweep=sweep,
            missing=sweep.missing - began.missing,
            queued=sweep.queued - began.queued,
            lag=None if last is None else self._clock() - last,
        )

    def _opened(self) -> Sweep:
        sweep = self._log.open()
        if sweep is None:
            since, until, gap = self._window()
            sweep = self._log.begin(since, until, gap=gap, types=self._types)
        if sweep.types == self._types:
            return sweep
        # Another version had begun it and asked for other types: the lists are not the same.
        return self._kept(sweep, replace(sweep, types=self._types, part=0, after=None))

    def _window(self) -> tuple[datetime, datetime, bool]:
        now = self._clock()
        until = (now - self._grace).replace(microsecond=0)
        oldest = now - EVENTS_KEPT
        last = self._log.last_until()
        if last is None:
            return oldest, until, False
        return max(last - self._overlap, oldest), max(until, last), last < oldest

    def _step(self, sweep: Sweep) -> Sweep:
        """Read one page, queue what is missing of it, and keep the place."""
        parts = [self._types[start : start + MOST_TYPES] for start in range(0, len(self._types), MOST_TYPES)]
        try:
            page = self._events.page(parts[sweep.part], sweep.since, sweep.until, sweep.after)
        except CursorGoneError:
            # It fell off the end of Stripe's 30 days while a run was cut: the list begins again.
            return self._kept(sweep, replace(sweep, after=None))
        by_id = {str(event["id"]): event for event in page.events}
        missing = self._log.missing(by_id, PATIENCE)
        queued = [event_id for event_id in by_id if event_id in missing and self._put(by_id[event_id])]
        is_last = not page.has_more and sweep.part + 1 == len(parts)
        after = replace(
            sweep,
            part=sweep.part if page.has_more or is_last else sweep.part + 1,
            after=page.last if page.has_more else None,
            listed=sweep.listed + len(by_id),
            missing=sweep.missing + len(missing),
            queued=sweep.queued + len(queued),
            finished=is_last,
        )
        return self._kept(sweep, after, queued)

    def _put(self, event: Mapping[str, object]) -> bool:
        if event.get("livemode") != self._livemode:
            raise WrongAccountError("Stripe lists events of the other mode: is it the right API key?")
        try:
            self._queue.put(queue_body(event))
        except PayloadRejectedError:
            return False
        return True

    def _kept(self, before: Sweep, after: Sweep, queued: Sequence[str] = ()) -> Sweep:
        after = replace(after, pages=before.pages + 1)
        if not self._log.advance(before, after, queued):
            raise OvertakenError("Another run of the sweep is ahead of this one.")
        return after
