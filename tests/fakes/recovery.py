"""Stripe's lists and the logs of sweeps and backfills, in memory, for unit tests of use cases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from billing.domain.errors import UnavailableError
from billing.domain.mirror import Outcome
from billing.domain.recovery import CursorGoneError, EventPage, Sweep

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence


class FakeStripeEvents:
    """Lists `events`, newest first, in pages of `size`; `away` makes it not answer."""

    def __init__(self, size: int = 100) -> None:
        self.events: list[dict[str, Any]] = []
        self.size = size
        self.away = False
        self.asked = 0

    def page(self, types: Sequence[str], since: datetime, until: datetime, after: str | None) -> EventPage:
        """Return the next page of the window."""
        self.asked += 1
        if self.away:
            raise UnavailableError("stripe")
        assert len(types) <= 20
        # Of one second Stripe shows the last first.
        newest = sorted(self.events, key=lambda event: int(event["created"]))[::-1]
        if after is not None:
            places = [place for place, event in enumerate(newest) if event["id"] == after]
            if not places:
                raise CursorGoneError
            newest = newest[places[0] + 1 :]
        found = [
            event
            for event in newest
            if event["type"] in types and since.timestamp() <= event["created"] <= until.timestamp()
        ]
        page = tuple(found[: self.size])
        return EventPage(page, page[-1]["id"] if page else None, len(found) > self.size)

    def get(self, event_id: str) -> Mapping[str, object] | None:
        """Return the event."""
        if self.away:
            raise UnavailableError("stripe")
        return next((event for event in self.events if event["id"] == event_id), None)


class FakeSweepLog:
    """Sweeps in memory; `inbox` says how events ended, `first_tries` when those that failed came.

    Set `available` to False for a database that does not answer; `now` is its clock.
    """

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.inbox: dict[str, Outcome] = {}
        self.first_tries: dict[str, datetime] = {}
        self.swept: dict[str, datetime] = {}
        self.sweeps: list[Sweep] = []
        self.errors: dict[int, str] = {}
        self.available = True

    def last_until(self) -> datetime | None:
        """Return the end of the last finished sweep's window."""
        self._answer()
        return max((sweep.until for sweep in self.sweeps if sweep.finished), default=None)

    def open(self) -> Sweep | None:
        """Return the sweep that has begun and not finished."""
        self._answer()
        return next((sweep for sweep in self.sweeps if not sweep.finished), None)

    def begin(self, since: datetime, until: datetime, *, gap: bool, types: Sequence[str]) -> Sweep:
        """Return a new sweep, or the one that is open."""
        known = self.open()
        if known is not None:
            return known
        sweep = Sweep(len(self.sweeps) + 1, since, until, gap, tuple(types))
        self.sweeps.append(sweep)
        return sweep

    def missing(self, event_ids: Collection[str], patience: timedelta) -> frozenset[str]:
        """Return the events that have not ended and are not under way."""
        self._answer()
        return frozenset(event for event in event_ids if not self._known(event, self.now - patience))

    def advance(self, before: Sweep, after: Sweep, queued: Collection[str]) -> bool:
        """Keep the new position, if the sweep stands where it did."""
        self._answer()
        place = before.number - 1
        standing = self.sweeps[place]
        if standing.finished or standing.pages != before.pages:
            return False
        self.sweeps[place] = after
        self.errors.pop(before.number, None)
        self.swept |= dict.fromkeys(queued, self.now)
        return True

    def failed(self, sweep: Sweep, reason: str) -> None:
        """Keep why a run ended early."""
        self._answer()
        self.errors[sweep.number] = reason

    def _known(self, event: str, since: datetime) -> bool:
        if event in self.swept and self.swept[event] > since:
            return True
        if event not in self.inbox:
            return False
        return self.inbox[event] is not Outcome.FAILED or self.first_tries[event] > since

    def _answer(self) -> None:
        if not self.available:
            raise UnavailableError("database")


def listed(name: str, created: datetime, what: str = "customer.updated", **members: Any) -> dict[str, Any]:
    """Return an event as Stripe lists it."""
    return {
        "id": name,
        "object": "event",
        "type": what,
        "created": int(created.timestamp()),
        "livemode": False,
        "data": {"object": {"id": "cus_1", "object": "customer"}},
        **members,
    }


def at(seconds: float) -> datetime:
    """Return an instant so many seconds after the tests' beginning of time."""
    return datetime(2026, 6, 1, 12, tzinfo=UTC) + timedelta(seconds=seconds)
