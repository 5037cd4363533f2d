"""The port `Mirror` in memory, for unit tests of use cases; it passes the contract that PostgreSQL passes."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from billing.domain.catalogue import Discount
from billing.domain.errors import UnavailableError
from billing.domain.lifecycles import kind_of, status_of
from billing.domain.mirror import (
    Deletion,
    NotMirrored,
    ObjectKind,
    Outcome,
    Standing,
    StripeEvent,
    Unreadable,
    Verdict,
)
from billing.domain.payment_methods import PaymentMethod
from billing.domain.usage_reports import MeterErrors

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from billing.domain.mirror import MalformedEvent, Mention, Observation, Snapshot


@dataclass(frozen=True, slots=True)
class Held:
    """An object of the mirror; `state` is the last one before a deletion, None if there was none."""

    state: Snapshot | None
    status: str | None
    as_of: datetime
    revision: int
    deleted: bool


_UNTOLD = StripeEvent(
    "",
    "",
    datetime.min.replace(tzinfo=UTC),
    livemode=False,
    api_version=None,
    object_id=None,
    content=NotMirrored(),
)
"""Stands for no event: a state that nobody told of."""


_STRIPES_IDS = {
    ObjectKind.CUSTOMER,
    ObjectKind.SUBSCRIPTION,
    ObjectKind.INVOICE,
    ObjectKind.TAX_RATE,
    ObjectKind.CREDIT_NOTE,
    ObjectKind.INVOICE_PAYMENT,
}
"""The kinds whose ids Stripe gives, once each."""


class FakeMirror:
    """A mirror in memory; look at `inbox`, `reasons` and `state` to see what became of events.

    Set `available` to False for a database that does not answer.
    """

    def __init__(self) -> None:
        self.inbox: dict[str, Outcome] = {}
        self.reasons: dict[str, str] = {}
        self.held: dict[tuple[ObjectKind, str], Held] = {}
        self.available = True
        self._lock = threading.Lock()

    def record(self, event: StripeEvent | MalformedEvent, outcome: Outcome, reason: str | None) -> Verdict:
        """Keep an event that changes nothing."""
        with self._lock:
            self._answer()
            known = self.inbox.get(event.id)
            keeps = known is Outcome.QUARANTINED and outcome is Outcome.FAILED
            if self._ended(event) or keeps:
                return Verdict.DUPLICATE
            self.inbox[event.id] = outcome
            self.reasons.pop(event.id, None)
            if reason is not None:
                self.reasons[event.id] = reason
            return Verdict.APPLIED

    def apply(self, event: StripeEvent, observation: Observation) -> Verdict:
        """Hold the state if it is later than what is held."""
        with self._lock:
            self._answer()
            if self._ended(event):
                return Verdict.DUPLICATE
            held = self._held(observation.state)
            if held is not None and (_is_gone(held, observation.state) or _is_of_another(held, observation)):
                return self._stale(event)
            if held is not None and isinstance(observation.state, Deletion):
                if _is_of_its_second(held, observation):
                    return Verdict.TIE
            elif held is not None:
                if held.as_of > observation.as_of:
                    return self._stale(event)
                if held.as_of == observation.as_of:
                    same = held.state == observation.state and not held.deleted
                    return self._same(event) if same else Verdict.TIE
            return self._write(event, observation, held)

    def apply_all(self, told: Sequence[tuple[StripeEvent | None, Observation]]) -> list[Verdict]:
        """Hold each state if it is later than what is held."""
        return [self._apply_one(event, observation) for event, observation in told]

    def _apply_one(self, event: StripeEvent | None, observation: Observation) -> Verdict:
        return self.apply(event or _UNTOLD, observation)

    def standing(self, kind: ObjectKind, object_id: str) -> Standing | None:
        """Return what is held of the object."""
        with self._lock:
            self._answer()
            held = self.held.get((kind, object_id))
            return None if held is None else Standing(held.revision, held.as_of, held.status, held.deleted)

    def settle(
        self, event: StripeEvent | None, observation: Observation | None, standing: Standing | None
    ) -> Verdict:
        """Hold the state if the object still stands as said."""
        told = event or _UNTOLD
        subject = told.content if observation is None else observation.state
        if isinstance(subject, NotMirrored | Unreadable | MeterErrors):
            raise TypeError("what mirrors nothing has no tie to settle")
        with self._lock:
            self._answer()
            if self._ended(told):
                return Verdict.DUPLICATE
            held = self._held(subject)
            if (held.revision if held else 0) != (standing.revision if standing else 0):
                return Verdict.MOVED
            if observation is None:
                return self._stale(told)
            if held is not None and _is_gone(held, observation.state):
                return self._stale(told)
            return self._write(told, observation, held)

    def unknown_tax_rates(self, ids: Collection[str]) -> frozenset[str]:
        """Return the ids of which no tax rate is held."""
        with self._lock:
            self._answer()
            return frozenset(rate for rate in ids if (ObjectKind.TAX_RATE, rate) not in self.held)

    def unknown_discounts(self, ids: Collection[str]) -> frozenset[str]:
        """Return the ids of which no discount with its coupon is held."""
        with self._lock:
            self._answer()
            return frozenset(each for each in ids if not self._has_coupon_of(each))

    def state(self, kind: ObjectKind, object_id: str) -> Snapshot | Deletion | None:
        """Return what stands of an object: its state, its deletion, or nothing."""
        held = self.held.get((kind, object_id))
        if held is None:
            return None
        return Deletion(kind, object_id) if held.deleted else held.state

    def _has_coupon_of(self, discount: str) -> bool:
        held = self.held.get((ObjectKind.DISCOUNT, discount))
        applied = None if held is None else held.state
        return isinstance(applied, Discount) and (ObjectKind.COUPON, applied.coupon or "") in self.held

    def _answer(self) -> None:
        if not self.available:
            raise UnavailableError("database")

    def _held(self, state: Snapshot | Deletion | Mention) -> Held | None:
        return self.held.get((kind_of(state), state.id))

    def _ended(self, event: StripeEvent | MalformedEvent) -> bool:
        known = self.inbox.get(event.id)
        return known is not None and known.is_final

    def _same(self, event: StripeEvent) -> Verdict:
        self._end(event, Outcome.APPLIED)
        return Verdict.APPLIED

    def _stale(self, event: StripeEvent) -> Verdict:
        self._end(event, Outcome.STALE)
        return Verdict.STALE

    def _end(self, event: StripeEvent, outcome: Outcome) -> None:
        if event is _UNTOLD:
            return
        self.inbox[event.id] = outcome
        self.reasons.pop(event.id, None)

    def _write(self, event: StripeEvent, observation: Observation, held: Held | None) -> Verdict:
        self._hold(observation, held)
        self._end(event, Outcome.APPLIED)
        return Verdict.APPLIED

    def _hold(self, observation: Observation, held: Held | None) -> None:
        state = observation.state
        as_of = observation.as_of if held is None else max(held.as_of, observation.as_of)
        revision = 1 if held is None else held.revision + 1
        if isinstance(state, Deletion):
            last = Held(None, None, as_of, 0, deleted=False) if held is None else held
            known = last.state if state.last is None else state.last
            new = replace(last, state=known, as_of=as_of, revision=revision, deleted=True)
        else:
            status = status_of(state)
            new = Held(state, status, as_of, revision, deleted=False)
        self.held[kind_of(state), state.id] = new
        self._forget_cards()

    def _forget_cards(self) -> None:
        for key, held in self.held.items():
            method = held.state
            if isinstance(method, PaymentMethod):
                owner = self.held.get((ObjectKind.CUSTOMER, method.customer or ""))
                if owner is not None and owner.deleted:
                    forgotten = replace(method, last4=None, exp_month=None, exp_year=None)
                    self.held[key] = replace(held, state=forgotten)


def _is_gone(held: Held, state: Snapshot | Deletion) -> bool:
    """Whether the object is deleted, and the state is not of another one that was given its id since."""
    of = state.last if isinstance(state, Deletion) else state
    created = None if of is None or kind_of(state) in _STRIPES_IDS else getattr(of, "created", None)
    return held.deleted and not (created is not None and created >= held.as_of)


def _is_of_its_second(held: Held, observation: Observation) -> bool:
    """Whether a deletion is of the second in which what stands was created: it may be another one's."""
    if held.deleted or kind_of(observation.state) in _STRIPES_IDS:
        return False
    return getattr(held.state, "created", None) == observation.as_of


def _is_of_another(held: Held, observation: Observation) -> bool:
    """Whether a deletion is from before the object, so that another one had its id."""
    if not isinstance(observation.state, Deletion) or observation.state.kind in _STRIPES_IDS:
        return False
    created = getattr(held.state, "created", None)
    return created is not None and created > observation.as_of
