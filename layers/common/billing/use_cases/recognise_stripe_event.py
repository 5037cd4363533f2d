"""Tell a copy of an event that ended before from another event that came under its id."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from billing.domain.mirror import StripeEvent
    from billing.use_cases.recovery_ports import Inbox


class RecogniseStripeEvent:
    """Compares an event with what the inbox knows under its id.

    The type and the object are the same in every API version. The rest of a payload is not, and is not kept.
    """

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def __call__(self, event: StripeEvent) -> str | None:
        """Return how the event differs from the one that the inbox has, None if it is a copy of it.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        row = self._inbox.find(event.id)
        if row is None:
            return None
        if row.type != event.type:
            return "event.type: another one ended under this id"
        if row.object_id != event.object_id:
            return "event.data.object.id: another one ended under this id"
        return None
