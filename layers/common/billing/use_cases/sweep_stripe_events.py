"""Sweep over Stripe's list of events: what never came here is put on the queue, as if it had."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from billing.domain.errors import BillingError, PayloadRejectedError
from billing.domain.recovery import (
    EVENTS_KEPT,
    CursorGoneError,
    EventPage,
    NotAllowedError,
    OvertakenError,
    WrongAccountError,
)
from billing.use_cases.queue_body import queue_body

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from billing.domain.recovery import Sweep
    from billing.use_cases.mirror_ports import EventQueue
    from billing.use_cases.ports import Clock
    from billing.use_cases.recovery_ports import StripeEvents, SweepLog

OVERLAP = timedelta(hours=1)
"""How far a sweep reaches back into what the one before has seen: Stripe may list an event late."""

GRACE = timedelta(minutes=2)
"""Events younger than this are left to the webhook, which is about to deliver them."""

PATIENCE = timedelta(hours=4)
"""For so long an event that failed, or that a sweep has queued, is left to the queue, which tries it for
about three hours. After that only the dead-letter queue has it: its alarm and `make replay-dead` are the way
back. A sweep takes it up, too, where it reaches back so far, as after an outage of the sweeps themselves."""

MOST_TYPES = 20
"""Types that one list of Stripe's can be asked for ("List all events", types)."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What one run did: the sweep as it stands, and what this run found missing and queued.

    `lag` is how long ago the last complete sweep ended its window, None if none ever finished. `seen` are the
    events that Stripe listed, if this run began the sweep and finished it. `unlisted` are
    the types of API v2 that Stripe does not list to this key.
    """

    sweep: Sweep
    missing: int
    queued: int
    lag: timedelta | None
    seen: frozenset[str] | None = None
    unlisted: tuple[str, ...] = ()


class SweepStripeEvents:
    """Compares Stripe's list with the inbox, page by page, from where the last sweep or run ended.

    `types` are the event types that change state, and `thin_types` those of API v2 that change something
    here, which Stripe lists apart. `livemode` is the mode that this system mirrors.
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
        thin_types: Sequence[str] = (),
    ) -> None:
        self._events = events
        self._queue = queue
        self._log = log
        self._clock = clock
        self._parts = [*_chunks(sorted(types)), *_chunks(sorted(thin_types))]
        self._types = tuple(name for part in self._parts for name in part)
        self._thin_types = tuple(sorted(thin_types))
        self._livemode = livemode
        self._unlisted: list[str] = []
        self._seen: set[str] = set()

    @property
    def types(self) -> tuple[str, ...]:
        """The types that are asked for, in the order of the lists."""
        return self._types

    def listed(self, since: datetime, until: datetime) -> Iterator[str]:
        """Yield the ids of what Stripe lists in a window, list after list, newest first, without the log.

        Raises
        ------
        UnavailableError
            Stripe does not answer, or the list moved on meanwhile.
        """
        for types in self._parts:
            after, has_more = None, True
            while has_more:
                page = self._page(types, since, until, after)
                yield from (str(event["id"]) for event in page.events)
                after, has_more = page.last, page.has_more

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
        self._unlisted, self._seen = [], set()
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
            seen=frozenset(self._seen) if began.pages == 0 and sweep.finished else None,
            unlisted=tuple(self._unlisted),
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
        until = (now - GRACE).replace(microsecond=0)
        oldest = now - EVENTS_KEPT
        last = self._log.last_until()
        if last is None:
            return oldest, until, False
        return max(last - OVERLAP, oldest), max(until, last), last < oldest

    def _step(self, sweep: Sweep) -> Sweep:
        """Read one page, queue what is missing of it, and keep the place."""
        types = self._parts[sweep.part]
        try:
            page = self._page(types, sweep.since, sweep.until, sweep.after)
        except CursorGoneError:
            # It fell off the end of Stripe's 30 days while a run was cut: the list begins again.
            return self._kept(sweep, replace(sweep, after=None))
        by_id = {str(event["id"]): event for event in page.events}
        self._seen |= by_id.keys()
        missing = self._log.missing(by_id, PATIENCE)
        queued = [event_id for event_id in by_id if event_id in missing and self._put(by_id[event_id])]
        is_last = not page.has_more and sweep.part + 1 == len(self._parts)
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

    def _page(self, types: Sequence[str], since: datetime, until: datetime, after: str | None) -> EventPage:
        try:
            return self._events.page(types, since, until, after)
        except NotAllowedError:
            if types[0] not in self._thin_types:
                raise
            # A key of before must not keep the sweeps of all other events from ending.
            self._unlisted += types
            return EventPage((), None, has_more=False)

    def _put(self, event: Mapping[str, object]) -> bool:
        if event.get("livemode") != self._livemode:
            raise WrongAccountError("Stripe lists events of the other mode: is it the right API key?")
        try:
            self._queue.put(queue_body(event), is_missing=True)
        except PayloadRejectedError:
            return False
        return True

    def _kept(self, before: Sweep, after: Sweep, queued: Sequence[str] = ()) -> Sweep:
        after = replace(after, pages=before.pages + 1)
        if not self._log.advance(before, after, queued):
            raise OvertakenError("Another run of the sweep is ahead of this one.")
        return after


def _chunks(types: Sequence[str]) -> list[Sequence[str]]:
    return [types[start : start + MOST_TYPES] for start in range(0, len(types), MOST_TYPES)]
