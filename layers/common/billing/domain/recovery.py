"""How a mirror catches up: sweeps over Stripe's events, backfills of its objects, and how far they came."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from billing.domain.errors import BillingError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from billing.domain.mirror import ObjectKind, Observation, Outcome

EVENTS_KEPT = timedelta(days=30)
"""For how long Stripe lists its events."""


class CursorGoneError(UnavailableError):
    """The object that a page was to follow is not there any more; the list can be entered by time."""

    def __init__(self) -> None:
        super().__init__("stripe")


class NotAllowedError(UnavailableError):
    """The API key may not read what was asked for, or Stripe has no such thing: do not ask again."""

    def __init__(self) -> None:
        super().__init__("stripe")


class OvertakenError(BillingError):
    """Another run went on from the same place meanwhile; there is nothing left to do for this one."""


class WrongAccountError(BillingError):
    """Stripe's answers are of another account or mode than the mirror."""


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events as Stripe lists them, newest first; `last` is the cursor of the next page."""

    events: tuple[Mapping[str, object], ...]
    last: str | None
    has_more: bool


@dataclass(frozen=True, slots=True)
class Sweep:
    """One look at every event of the types between two instants, both included.

    The position is the list (types are asked for in several) and the event after which it goes on;
    `pages` counts the steps that were kept. `missing` were not in the inbox, `queued` of them went onto the
    queue. `gap` says that there was a time before `since` that Stripe does not list any more.
    """

    number: int
    since: datetime
    until: datetime
    gap: bool
    types: tuple[str, ...]
    part: int = 0
    after: str | None = None
    pages: int = 0
    listed: int = 0
    missing: int = 0
    queued: int = 0
    finished: bool = False


@dataclass(frozen=True, slots=True)
class SweptWindow:
    """The window of a sweep that finished: where it ended, the types, the events that Stripe listed in it.

    `at` is when the database was asked about them.
    """

    until: datetime
    types: tuple[str, ...]
    seen: frozenset[str]
    at: datetime


@dataclass(frozen=True, slots=True)
class UnreadableObject:
    """An object that cannot be read without guessing; `reason` names the member."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class ObjectPage:
    """States of objects as Stripe lists them, newest first; `last` is the cursor of the next page.

    `oldest` is when the page's last object was created, so that the list can be entered there if that
    object is deleted meanwhile. Each observation is as of Stripe's clock before the page was read. `whole`
    says that the list shows every object there is, so that one that it does not show is gone. `coupons` are
    those of the discounts that it shows, as of when they were made.
    """

    observations: tuple[Observation, ...]
    unreadable: tuple[UnreadableObject, ...]
    read_at: datetime
    last: str | None
    oldest: datetime | None
    has_more: bool
    whole: bool = True
    coupons: tuple[Observation, ...] = ()


@dataclass(frozen=True, slots=True)
class ListedPage:
    """A page whose objects were not read yet; where the next one begins is known already.

    `last`, `oldest` and `has_more` are those of the page that `read` returns, which any thread may call.
    """

    last: str | None
    oldest: datetime | None
    has_more: bool
    read: Callable[[], ObjectPage]


@dataclass(frozen=True, slots=True)
class KindBackfill:
    """How far the backfill of one kind of object came.

    First Stripe's list is read to its end (`listed`), from `began` on by Stripe's clock; then Stripe is asked
    for what the mirror holds and the list did not show (`checked`, of which `deleted` are gone); discounts,
    which it returns by no id, are gone then.
    `stopped` says why that was not done. `pages` counts the calls for lists, `fetched` the objects that had
    to be asked for one by one, `written` the states that were later than what stood. `steps` counts what
    was kept.
    """

    run: int
    kind: ObjectKind
    began: datetime | None = None
    after: str | None = None
    oldest: datetime | None = None
    pages: int = 0
    objects: int = 0
    written: int = 0
    fetched: int = 0
    unreadable: int = 0
    listed: bool = False
    checked_after: str | None = None
    checked: int = 0
    deleted: int = 0
    stopped: str | None = None
    finished: bool = False
    steps: int = 0


@dataclass(frozen=True, slots=True)
class InboxRow:
    """What the inbox tells of an event; `payload` is there where it is quarantined and was asked for.

    `digest` is the receipt's, None where the event ended before digests were kept. `conflicts` counts the
    other events that came under its id since.
    """

    id: str
    type: str
    outcome: Outcome
    reason: str | None
    attempts: int
    received_at: datetime
    ended_at: datetime | None
    object_id: str | None
    api_version: str | None
    payload: str | None = field(default=None, repr=False)
    created: datetime | None = None
    digest: str | None = None
    conflicts: int = 0
