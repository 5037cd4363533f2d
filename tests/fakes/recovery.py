"""Stripe's lists and the logs of sweeps and backfills, in memory, for unit tests of use cases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from billing.domain.catalogue import Discount
from billing.domain.errors import UnavailableError
from billing.domain.lifecycles import kind_of
from billing.domain.mirror import Observation, Outcome
from billing.domain.recovery import (
    CursorGoneError,
    EventPage,
    KindBackfill,
    ListedPage,
    NotAllowedError,
    ObjectPage,
    Sweep,
    UnreadableObject,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from billing.domain.catalogue import Coupon
    from billing.domain.mirror import MalformedEvent, ObjectKind, Snapshot, StripeEvent
    from billing.domain.recovery import (
        InboxRow,
        SweptWindow,
    )
    from tests.fakes.mirror import FakeMirror, Held


class FakeStripeEvents:
    """Lists `events`, newest first, in pages of `size`; `away` makes it not answer."""

    def __init__(self, size: int = 100) -> None:
        self.events: list[dict[str, Any]] = []
        self.size = size
        self.away = False
        self.forbidden: Sequence[str] = ()
        self.asked = 0

    def page(self, types: Sequence[str], since: datetime, until: datetime, after: str | None) -> EventPage:
        """Return the next page of the window."""
        self.asked += 1
        if self.away:
            raise UnavailableError("stripe")
        assert len(types) <= 20
        if set(types) & set(self.forbidden):
            raise NotAllowedError
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


class FakeStripeLists:
    """Lists what `put` holds, newest first, in pages of `size`; `away` makes it not answer."""

    def __init__(self, now: datetime, size: int = 100) -> None:
        self.now = now
        self.size = size
        self.away = False
        self.forbidden: set[ObjectKind] = set()
        self.in_part: set[ObjectKind] = set()
        self.asked: list[tuple[ObjectKind, str | None]] = []
        self.unreadable: set[str] = set()
        self.states: list[Snapshot] = []
        self.coupons: list[Coupon] = []

    def put(self, *states: Snapshot) -> None:
        """Let Stripe's list have these, a known one with its new state at its old place."""
        for state in states:
            ids = [held.id for held in self.states]
            if state.id in ids:
                self.states[ids.index(state.id)] = state
            else:
                self.states.append(state)

    def page(self, kind: ObjectKind, after: str | None, until: datetime | None) -> ListedPage:
        """Return the next page."""
        self.asked.append((kind, after))
        if self.away:
            raise UnavailableError("stripe")
        if kind in self.forbidden:
            raise NotAllowedError
        listed: list[Any] = [state for state in self.states if kind_of(state) is kind]
        newest = sorted(listed, key=_created, reverse=True)
        if after is not None:
            places = [place for place, state in enumerate(newest) if state.id == after]
            if not places:
                raise CursorGoneError
            newest = newest[places[0] + 1 :]
        elif until is not None:
            newest = [state for state in newest if _created(state) <= until]
        shown = newest[: self.size]
        page = ObjectPage(
            observations=tuple(Observation(s, self.now) for s in shown if s.id not in self.unreadable),
            unreadable=tuple(UnreadableObject(s.id, "broken") for s in shown if s.id in self.unreadable),
            read_at=self.now,
            last=shown[-1].id if shown else None,
            oldest=_created(shown[-1]) if shown else None,
            has_more=len(newest) > self.size,
            whole=kind not in self.in_part,
            coupons=tuple(Observation(one, one.created) for one in self.coupons_of(shown)),
        )
        return ListedPage(page.last, page.oldest, page.has_more, lambda: page)

    def coupons_of(self, shown: Sequence[Snapshot]) -> Sequence[Coupon]:
        """Return the coupons of the discounts among these, as `coupons` has them."""
        applied = [state.coupon for state in shown if isinstance(state, Discount)]
        return [coupon for coupon in self.coupons if coupon.id in applied]


def _is_told_elsewhere(state: Snapshot | None) -> bool:
    return isinstance(state, Discount) and any((state.invoice, state.invoice_item, state.checkout_session))


def _created(state: Any) -> datetime:
    """Return when Stripe made it; of a discount it tells when that began."""
    made: datetime = state.start if isinstance(state, Discount) else state.created
    return made


class FakeBackfillLog:
    """Backfills in memory; what is mirrored is the fake mirror's."""

    def __init__(self, mirror: FakeMirror) -> None:
        self._mirror = mirror
        self.rows: list[KindBackfill] = []
        self.runs = 0

    def open(self) -> Sequence[KindBackfill]:
        """Return the kinds of the last run if it has not finished."""
        return [] if all(row.finished for row in self.rows) else list(self.rows)

    def begin(self, kinds: Sequence[ObjectKind]) -> Sequence[KindBackfill]:
        """Return a new run."""
        self.runs += 1
        self.rows = [KindBackfill(self.runs, kind) for kind in kinds]
        return list(self.rows)

    def save(self, before: KindBackfill, after: KindBackfill) -> bool:
        """Keep how far it came, if it stands where it did."""
        for place, row in enumerate(self.rows):
            if (row.run, row.kind) == (before.run, before.kind):
                if row.steps != before.steps or row.finished:
                    return False
                self.rows[place] = after
                return True
        return False

    def unseen(self, kind: ObjectKind, since: datetime, after: str | None, limit: int) -> Sequence[str]:
        """Return ids of what was not seen since."""
        return [name for name in self._unseen(kind, since) if name > (after or "")][:limit]

    def count_unseen(self, kind: ObjectKind, since: datetime) -> tuple[int, int]:
        """Return how many were not seen since, and how many are mirrored."""
        return len(self._unseen(kind, since)), len(self._listable(kind))

    def _unseen(self, kind: ObjectKind, since: datetime) -> list[str]:
        return sorted(name for name, held in self._listable(kind).items() if held.as_of < since)

    def _listable(self, kind: ObjectKind) -> Mapping[str, Held]:
        """Return what a list shows if Stripe has it."""
        return {
            name: held
            for (of, name), held in self._mirror.held.items()
            if of is kind and not held.deleted and not _is_told_elsewhere(held.state)
        }


class FakeSweepMemory:
    """What a sweep saw, in memory; `away` makes it not answer."""

    def __init__(self) -> None:
        self.window: SweptWindow | None = None
        self.away = False

    def recall(self) -> SweptWindow | None:
        """Return the last window that was kept."""
        self._answer()
        return self.window

    def keep(self, window: SweptWindow) -> None:
        """Remember this window."""
        self._answer()
        self.window = window

    def _answer(self) -> None:
        if self.away:
            raise UnavailableError("memory of sweeps")


class FakeInbox:
    """An inbox in memory."""

    def __init__(self) -> None:
        self.rows: dict[str, InboxRow] = {}
        self.conflicts: dict[tuple[str, str | None], str] = {}

    def find(self, event_id: str) -> InboxRow | None:
        """Return what is known of the event."""
        return self.rows.get(event_id)

    def keep_conflict(self, event: StripeEvent | MalformedEvent, reason: str) -> None:
        """Keep that another event came under this id."""
        digest = None if event.receipt is None else event.receipt.digest
        if (event.id, digest) not in self.conflicts and event.id in self.rows:
            row = self.rows[event.id]
            self.rows[event.id] = replace(row, conflicts=row.conflicts + 1)
        self.conflicts.setdefault((event.id, digest), reason)

    def newest(self, outcome: Outcome, limit: int) -> Sequence[InboxRow]:
        """Return the last events that ended so."""
        found = sorted(
            (row for row in self.rows.values() if row.outcome is outcome), key=lambda row: row.received_at
        )
        return [replace(row, payload=None) for row in found[::-1][:limit]]
