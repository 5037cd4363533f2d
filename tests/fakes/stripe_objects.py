"""Stripe's word on objects, from memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.domain.errors import UnavailableError
from billing.domain.lifecycles import kind_of
from billing.domain.mirror import ObjectKind, Observation

if TYPE_CHECKING:
    from datetime import datetime

    from billing.domain.catalogue import Coupon, Discount
    from billing.domain.mirror import Deletion, Snapshot


class FakeStripeObjects:
    """Holds what Stripe knows; `now` is its clock, `away` makes it not answer.

    `asked` counts the calls, but for those for tax rates and discounts, which are in `asked_for_rates` and
    `asked_for_discounts`. `discounts` has what a document names, by its id.
    """

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.away = False
        self.asked = 0
        self.asked_for_rates: list[str] = []
        self.asked_for_discounts: list[str] = []
        self.discounts: dict[str, list[Discount | Coupon | Deletion]] = {}
        self._states: dict[tuple[ObjectKind, str], Snapshot | Deletion] = {}

    def put(self, state: Snapshot | Deletion) -> None:
        """Let Stripe's state of this object be this one."""
        self._states[kind_of(state), state.id] = state

    def forget(self, kind: ObjectKind, object_id: str) -> None:
        """Let Stripe not know the object any more, as a draft invoice that was removed."""
        self._states.pop((kind, object_id), None)

    def fetch(
        self,
        kind: ObjectKind,
        object_id: str,
        listed: Observation | None = None,  # noqa: ARG002 - the port's
    ) -> Observation | None:
        """Return the state with the clock's time, None for an unknown object."""
        if kind is ObjectKind.TAX_RATE:
            self.asked_for_rates.append(object_id)
        else:
            self.asked += 1
        if self.away:
            raise UnavailableError("stripe")
        state = self._states.get((kind, object_id))
        return None if state is None else Observation(state, self.now)

    def fetch_discounts(self, kind: ObjectKind, document_id: str) -> list[Observation]:
        """Return what the document names with the clock's time."""
        self.asked_for_discounts.append(f"{kind.value} {document_id}")
        if self.away:
            raise UnavailableError("stripe")
        return [Observation(state, self.now) for state in self.discounts.get(document_id, [])]
