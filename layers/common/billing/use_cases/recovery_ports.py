"""What catching up with Stripe needs from the outside, beside ports.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime, timedelta

    from billing.domain.mirror import MalformedEvent, ObjectKind, Outcome, StripeEvent
    from billing.domain.recovery import EventPage, InboxRow, KindBackfill, ListedPage, Sweep, SweptWindow


class StripeEvents(Protocol):
    """Stripe's own list of its events of the last 30 days."""

    def page(self, types: Sequence[str], since: datetime, until: datetime, after: str | None) -> EventPage:
        """Return the next events of these types (20 at most) created in the window, both ends included.

        They come newest first, those after `after`, which is the `last` of the page before. The types are
        all of one API of Stripe's, v1 or v2.

        Raises
        ------
        CursorGoneError
            Stripe does not know `after` any more.
        NotAllowedError
            The key may not read these events.
        UnavailableError
            Stripe does not answer, or asks to slow down.
        """
        ...

    def get(self, event_id: str) -> Mapping[str, object] | None:
        """Return the event, None if Stripe does not know it (any more).

        Raises
        ------
        UnavailableError
            Stripe does not answer, or asks to slow down.
        """
        ...


class SweepLog(Protocol):
    """The sweeps so far; every method is one transaction and may raise UnavailableError("database")."""

    def last_until(self) -> datetime | None:
        """Return the end of the window of the last finished sweep, None if none has finished."""
        ...

    def open(self) -> Sweep | None:
        """Return the sweep that has begun and not finished, None if there is none."""
        ...

    def begin(self, since: datetime, until: datetime, *, gap: bool, types: Sequence[str]) -> Sweep:
        """Return a new sweep, or the one that somebody else has begun just now."""
        ...

    def missing(self, event_ids: Collection[str], patience: timedelta) -> frozenset[str]:
        """Return those of the events that have not ended and that nothing is known to be under way of.

        An event is under way for `patience` after its first try failed, or after a sweep queued it.
        """
        ...

    def advance(self, before: Sweep, after: Sweep, queued: Collection[str]) -> bool:
        """Keep the new position, and which events were queued on the way to it.

        Returns False, and keeps nothing, if the sweep stands elsewhere than `before` says.
        """
        ...

    def failed(self, sweep: Sweep, reason: str) -> None:
        """Keep why a run of the sweep ended early; the next step takes it away."""
        ...


class SweepMemory(Protocol):
    """What the last finished sweep saw, kept apart from the database, which is not to be woken for it.

    It may forget. Every method may raise UnavailableError("memory of sweeps").
    """

    def recall(self) -> SweptWindow | None:
        """Return the last window that was kept, None if none is known."""
        ...

    def keep(self, window: SweptWindow) -> None:
        """Remember this window, and no other one."""
        ...


class Inbox(Protocol):
    """What became of events; every method may raise UnavailableError("database")."""

    def find(self, event_id: str) -> InboxRow | None:
        """Return what is known of the event, with its payload if that was kept; None if nothing is."""
        ...

    def newest(self, outcome: Outcome, limit: int) -> Sequence[InboxRow]:
        """Return the last events that ended so, newest first, without payloads."""
        ...

    def keep_conflict(self, event: StripeEvent | MalformedEvent, reason: str) -> None:
        """Keep that another event came under this id, once for each content."""
        ...


class StripeLists(Protocol):
    """Stripe's lists of its objects."""

    def page(self, kind: ObjectKind, after: str | None, until: datetime | None) -> ListedPage:
        """Return the next 100 objects, newest first: after the cursor `after`, or created up to `until`.

        Discounts come with their coupons, those of the next 100 customers or subscriptions.

        What is wrong with an object itself is said when they are read: UnavailableError as well.

        Raises
        ------
        CursorGoneError
            Stripe does not know the object of `after` any more.
        NotAllowedError
            The key may not read these objects, or Stripe has no such list.
        UnavailableError
            Stripe does not answer, or asks to slow down for too long.
        """
        ...


class BackfillLog(Protocol):
    """The backfills so far; every method is one transaction and may raise UnavailableError("database")."""

    def open(self) -> Sequence[KindBackfill]:
        """Return the kinds of the last run in their order if it has not finished, else nothing."""
        ...

    def begin(self, kinds: Sequence[ObjectKind]) -> Sequence[KindBackfill]:
        """Return a new run."""
        ...

    def save(self, before: KindBackfill, after: KindBackfill) -> bool:
        """Keep how far it came; return False, and keep nothing, if it stands elsewhere than `before` says."""
        ...

    def unseen(self, kind: ObjectKind, since: datetime, after: str | None, limit: int) -> Sequence[str]:
        """Return ids, in order from `after` on, of what is mirrored and was not seen since that instant.

        Deleted objects are left out, and discounts that were put on an invoice or a Checkout session: no list
        shows those.
        """
        ...

    def count_unseen(self, kind: ObjectKind, since: datetime) -> tuple[int, int]:
        """Return how many were not seen since that instant, and how many are mirrored.

        Neither counts what `unseen` leaves out.
        """
        ...
