"""Put an event that did not end well on the queue once more."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from billing.domain.errors import NotFoundError
from billing.domain.mirror import Outcome
from billing.use_cases.queue_body import queue_body

if TYPE_CHECKING:
    from collections.abc import Sequence

    from billing.domain.recovery import InboxRow
    from billing.use_cases.mirror_ports import EventQueue
    from billing.use_cases.recovery_ports import Inbox, StripeEvents

MOST_ROWS = 200


class Source(StrEnum):
    """Where an event that is replayed comes from."""

    INBOX = "inbox"
    STRIPE = "stripe"


@dataclass(frozen=True, slots=True)
class Replayed:
    """What the inbox knew of the event, and from where it was queued; None if there was nothing to do."""

    before: InboxRow | None
    source: Source | None


class ReplayStripeEvent:
    """Replays events, and tells what became of them."""

    def __init__(self, inbox: Inbox, events: StripeEvents, queue: EventQueue) -> None:
        self._inbox = inbox
        self._events = events
        self._queue = queue

    def __call__(self, event_id: str) -> Replayed:
        """Return what was done; an event that is applied, stale or ignored has ended, and stays as it is.

        Raises
        ------
        NotFoundError
            Neither the inbox has the event nor Stripe, which keeps it for 30 days.
        PayloadRejectedError
            The event is larger than a message can be.
        UnavailableError
            The database, Stripe or the queue does not answer.
        """
        row = self._inbox.find(event_id)
        if row is not None and row.outcome.is_final:
            return Replayed(row, None)
        if row is not None and row.outcome is Outcome.QUARANTINED and row.payload is not None:
            # As it came: Stripe shows it in the version of its account, and no longer than 30 days.
            self._queue.put(row.payload)
            return Replayed(row, Source.INBOX)
        event = self._events.get(event_id)
        if event is None:
            raise NotFoundError("Neither the inbox nor Stripe has this event.")
        self._queue.put(queue_body(event), is_missing=True)
        return Replayed(row, Source.STRIPE)

    def show(self, event_id: str) -> InboxRow | None:
        """Return what the inbox tells of the event, None if it does not know it.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        return self._inbox.find(event_id)

    def newest(self, outcome: Outcome, limit: int) -> Sequence[InboxRow]:
        """Return the last events that ended so, newest first, 200 at most, without payloads.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        return self._inbox.newest(outcome, max(1, min(limit, MOST_ROWS)))
