"""Tell a copy of an event that ended before from another event that came under its id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.domain.mirror import MalformedEvent

if TYPE_CHECKING:
    from billing.domain.mirror import StripeEvent
    from billing.use_cases.recovery_ports import Inbox


class RecogniseStripeEvent:
    """Compares an event with what the inbox knows under its id, and keeps what is another one.

    Type, object and second are the same in every API version; the content is comparable within one.
    """

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def __call__(self, event: StripeEvent | MalformedEvent, known: str | None = None) -> str | None:
        """Return how the event differs from the one that the inbox has, None if it is a copy of it.

        `known` is how it differs, where that was found out before.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        reason = known or self._difference(event)
        if reason is not None:
            self._inbox.keep_conflict(event, reason)
        return reason

    def _difference(self, event: StripeEvent | MalformedEvent) -> str | None:
        row = self._inbox.find(event.id)
        if row is None or isinstance(event, MalformedEvent):
            return None
        if row.type != event.type:
            return "event.type: another one ended under this id"
        if row.object_id != event.object_id:
            return "event.data.object.id: another one ended under this id"
        if row.created != event.created:
            return "event.created: another one ended under this id"
        digest = None if event.receipt is None else event.receipt.digest
        if row.api_version == event.api_version and row.digest and digest and row.digest != digest:
            return "event.data: another one ended under this id"
        return None
