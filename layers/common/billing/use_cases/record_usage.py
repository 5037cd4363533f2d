"""A customer's system reports usage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from billing.domain.billing_periods import period_at
from billing.domain.usage import Recorded, UsageEvent
from billing.domain.usage_alerts import due_alerts, thresholds_of
from billing.domain.usage_events import Refusal, RefusedEvent, SentEvent, read_event

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal

    from billing.domain.usage import UsageMeter
    from billing.domain.usage_alerts import UsageAlert
    from billing.use_cases.usage_ports import React, UsageMeters, UsageStore, UsageTerms, Watched

_REFUSED_BY_THE_STORE = {
    Recorded.CONFLICT: (Refusal.CONFLICT, "id", "is taken by an event of this source with other content"),
    Recorded.UNKNOWN_EVENT: (Refusal.UNKNOWN_EVENT, "voids", "is no event of this source that counts"),
    Recorded.ALREADY_VOIDED: (Refusal.ALREADY_VOIDED, "voids", "is voided already"),
}


@dataclass(frozen=True, slots=True)
class RecordUsage:
    """Reads events by their meters, keeps those that can be read, and fires the thresholds they reach."""

    meters: UsageMeters
    terms: UsageTerms
    store: UsageStore
    clock: Callable[[], datetime]

    def __call__(
        self, customer: str, events: Sequence[SentEvent | RefusedEvent]
    ) -> Sequence[Recorded | RefusedEvent]:
        """Return what became of each event, in order: ACCEPTED, DUPLICATE, or why it is not kept.

        Three round trips to the database, however many events; one more each minute, for the meters.

        Raises
        ------
        UnavailableError
            The database does not answer; sent again, what was kept is a DUPLICATE.
        """
        now = self.clock()
        meters = {meter.name: meter for meter in self.meters.all()}
        by_type: dict[str, list[UsageMeter]] = {}
        for meter in meters.values():
            by_type.setdefault(meter.event_type, []).append(meter)
        read = [
            read_event(event, by_type, now) if isinstance(event, SentEvent) else event for event in events
        ]
        kept = [event for event in read if isinstance(event, UsageEvent)]
        if not kept:
            return [event for event in read if isinstance(event, RefusedEvent)]
        touched = {reading.meter for event in kept for reading in event.readings}
        watched, react = self._watch(customer, kept, {name: meters[name] for name in sorted(touched)}, now)
        recorded = iter(self.store.record(customer, kept, now, watched, react))
        return [
            event if isinstance(event, RefusedEvent) else _outcome(event, next(recorded)) for event in read
        ]

    def _watch(
        self, customer: str, kept: Sequence[UsageEvent], touched: Mapping[str, UsageMeter], now: datetime
    ) -> tuple[Collection[Watched], React]:
        """Return the periods to tell the usage of, and what makes alerts of it."""
        if not touched:
            return (), _nothing
        items, chosen = self.terms.read(customer)
        thresholds = [each for each in thresholds_of(chosen, touched) if each.meter in touched]

        def react(used: Mapping[Watched, Decimal]) -> Sequence[UsageAlert]:
            return due_alerts(customer, thresholds, used, touched, items, now)

        running = {each.meter: period_at(items.get(each.meter), now) for each in thresholds}
        # Dicts, because they keep the order.
        watched = dict.fromkeys(running.items())
        for event in kept:
            for reading in event.readings:
                period = running.get(reading.meter)
                if period is not None and event.time < period.start:
                    watched[reading.meter, period_at(items.get(reading.meter), event.time)] = None
        return watched, react


def _nothing(_: Mapping[Watched, Decimal]) -> Sequence[UsageAlert]:
    return ()


def _outcome(event: UsageEvent, recorded: Recorded) -> Recorded | RefusedEvent:
    if recorded in _REFUSED_BY_THE_STORE:
        refusal, field, reason = _REFUSED_BY_THE_STORE[recorded]
        return RefusedEvent(event.id, refusal, field, reason)
    return recorded
