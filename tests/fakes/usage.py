"""Usage in memory, computed from the events anew each time: the model that real stores are compared with."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING

from billing.domain.errors import UnavailableError
from billing.domain.usage import Aggregation, Grain, LatePolicy, Recorded, UsagePoint, UsageSnapshot

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from billing.domain.periods import Period
    from billing.domain.usage import Reading, UsageEvent, UsageMeter
    from billing.domain.usage_alerts import UsageAlert
    from billing.use_cases.usage_ports import React, Watched

_ZERO = Decimal(0)
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Row:
    """What one meter read of one event: quantity 1 counts, -1 takes one back, 0 counts nowhere."""

    meter: str
    counted_at: datetime
    quantity: int
    event: UsageEvent
    reading: Reading


@dataclass(slots=True)
class _Ledger:
    """All that is kept of one customer."""

    digests: dict[tuple[str, str], bytes] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    voided: set[tuple[str, str]] = field(default_factory=set)
    snapshots: dict[tuple[str, datetime], UsageSnapshot] = field(default_factory=dict)
    items: dict[str, tuple[str, Period]] = field(default_factory=dict)
    cuts: set[datetime] = field(default_factory=set)
    policy: LatePolicy = LatePolicy.OPEN_PERIOD
    findings: list[tuple[str, str, str, str]] = field(default_factory=list)
    alerts: dict[tuple[object, ...], UsageAlert] = field(default_factory=dict)


class FakeUsageStore:
    """The port `UsageStore`, and what stands around one; `available` False makes it not answer."""

    def __init__(self, meters: Iterable[UsageMeter]) -> None:
        self.meters = {meter.name: meter for meter in meters}
        self.available = True
        self._ledgers: dict[str, _Ledger] = {}

    def record(
        self,
        customer: str,
        events: Sequence[UsageEvent],
        recorded_at: datetime,
        watched: Collection[Watched],
        react: React,
    ) -> Sequence[Recorded]:
        """Keep the events, and return what became of each."""
        ledger = self._ledger(customer)
        ledger.cuts |= {at for _, span in ledger.items.values() for at in (span.start, span.end)}
        outcomes: dict[int, Recorded] = {}
        for place, event in sorted(enumerate(events), key=lambda each: each[1].voids is not None):
            outcomes[place] = _record(self.meters, ledger, event, recorded_at)
        told = {
            (name, span): self.used(customer, {name: span})[name]
            for name, span in watched
            if span.end > recorded_at or not _is_closed(ledger, name, span.end - _INSTANT)
        }
        for alert in react(told):
            key = (alert.threshold.meter, alert.threshold.kind, alert.threshold.value, alert.period.start)
            ledger.alerts.setdefault(key, alert)
        return tuple(outcomes[place] for place in range(len(events)))

    def used(self, customer: str, spans: Mapping[str, Period]) -> Mapping[str, Decimal]:
        """Return what was used of each meter in its span."""
        rows = self._ledger(customer).rows
        return {
            name: _quantity(self.meters[name], _within(rows, name, span)) or _ZERO
            for name, span in spans.items()
            if name in self.meters
        }

    def history(
        self, customer: str, meter: UsageMeter, span: Period, grain: Grain, group_by: Sequence[str] = ()
    ) -> Sequence[UsagePoint]:
        """Return what was used in each step within the span."""
        places = [meter.group_by.index(name) for name in group_by]
        steps: dict[tuple[datetime, tuple[str, ...]], list[Row]] = {}
        for row in _within(self._ledger(customer).rows, meter.name, span):
            groups = tuple(row.reading.groups[place] for place in places)
            steps.setdefault((_step(row.counted_at, grain), groups), []).append(row)
        used = {key: _quantity(meter, rows) for key, rows in sorted(steps.items())}
        return [UsagePoint(start, groups, one) for (start, groups), one in used.items() if one is not None]

    def freeze(self, customer: str, meter: str, span: Period, at: datetime) -> UsageSnapshot:
        """Close the period and return what was used in it."""
        used = self.used(customer, {meter: span})[meter]
        made = UsageSnapshot(customer, meter, span, used, at)
        return self._ledger(customer).snapshots.setdefault((meter, span.start), made)

    def set_late_policy(self, customer: str, policy: LatePolicy) -> None:
        """Keep the policy for what comes from now on."""
        self._ledger(customer).policy = policy

    def set_item(self, customer: str, item: str, meter: str, span: Period) -> None:
        """Give the customer a subscription item that prices the meter."""
        self._ledger(customer).items[item] = (meter, span)

    def findings(self, customer: str) -> Sequence[tuple[str, str, str, str]]:
        """Return meter, kind, source and id of what an operator has to know of, sorted."""
        return sorted(self._ledger(customer).findings)

    def alerts(self, customer: str) -> Sequence[UsageAlert]:
        """Return what fired, in order."""
        return tuple(self._ledger(customer).alerts.values())

    def hours(self, customer: str) -> Mapping[tuple[str, datetime], Decimal]:
        """Return what is to be told to Stripe of each hour, or of its part before or after a boundary."""
        ledger = self._ledger(customer)
        hours: dict[tuple[str, datetime], list[Row]] = {}
        for row in ledger.rows:
            if self.meters[row.meter].stripe_event_name is not None and row.quantity:
                cuts = [cut for cut in ledger.cuts if cut <= row.counted_at]
                bucket = max([_step(row.counted_at, Grain.HOUR), *cuts])
                hours.setdefault((row.meter, bucket), []).append(row)
        totals = {key: _total(self.meters[key[0]], rows) for key, rows in hours.items()}
        return {key: total for key, total in totals.items() if total}

    def _ledger(self, customer: str) -> _Ledger:
        if not self.available:
            raise UnavailableError("usage")
        return self._ledgers.setdefault(customer, _Ledger())


def _record(
    meters: Mapping[str, UsageMeter], ledger: _Ledger, event: UsageEvent, recorded_at: datetime
) -> Recorded:
    key = (event.source, event.id)
    if key in ledger.digests:
        return Recorded.DUPLICATE if ledger.digests[key] == event.digest else Recorded.CONFLICT
    if event.voids is not None:
        target = (event.source, event.voids)
        rows = [row for row in ledger.rows if (row.event.source, row.event.id) == target]
        # What only took another back is nothing that can be voided.
        if not any(row.quantity >= 0 for row in rows):
            return Recorded.UNKNOWN_EVENT
        if target in ledger.voided:
            return Recorded.ALREADY_VOIDED
        ledger.voided.add(target)
        _take_back(meters, ledger, event, [row for row in rows if row.quantity == 1], recorded_at)
    ledger.digests[key] = event.digest
    for reading in event.readings:
        closed = _is_closed(ledger, reading.meter, event.time)
        place = _place(ledger, reading.meter, recorded_at) if closed else event.time
        if place is None:
            ledger.findings.append((reading.meter, "late_usage_ignored", *key))
        quantity = 0 if place is None else 1
        ledger.rows.append(Row(reading.meter, place or event.time, quantity, event, reading))
    return Recorded.ACCEPTED


def _take_back(
    meters: Mapping[str, UsageMeter],
    ledger: _Ledger,
    event: UsageEvent,
    rows: Sequence[Row],
    recorded_at: datetime,
) -> None:
    for row in rows:
        closed = _is_closed(ledger, row.meter, row.counted_at)
        place = _place(ledger, row.meter, recorded_at) if closed else row.counted_at
        if closed and (place is None or not meters[row.meter].aggregation.is_additive):
            ledger.findings.append((row.meter, "void_after_close", event.source, event.id))
        if place is not None:
            ledger.rows.append(Row(row.meter, place, -1, event, row.reading))


def _is_closed(ledger: _Ledger, meter: str, at: datetime) -> bool:
    return any(name == meter and at < shot.period.end for (name, _), shot in ledger.snapshots.items())


def _place(ledger: _Ledger, meter: str, recorded_at: datetime) -> datetime | None:
    ends = [shot.period.end for (name, _), shot in ledger.snapshots.items() if name == meter]
    now = max([recorded_at, *ends])
    if ledger.policy is LatePolicy.IGNORE:
        return None
    if ledger.policy is LatePolicy.OPEN_PERIOD:
        return now
    spans = [span for name, span in ledger.items.values() if name == meter]
    return min((at for span in spans for at in (span.start, span.end) if at > now), default=now)


def _within(rows: Sequence[Row], meter: str, span: Period) -> Sequence[Row]:
    return [row for row in rows if row.meter == meter and row.quantity and row.counted_at in span]


def _quantity(meter: UsageMeter, rows: Sequence[Row]) -> Decimal | None:
    """Return what the rows add up to, None if nothing of them is left."""
    count = sum(row.quantity for row in rows)
    if meter.aggregation is Aggregation.COUNT:
        return Decimal(count) if count else None
    if meter.aggregation is Aggregation.SUM:
        with localcontext(prec=100):
            total = sum((row.quantity * (row.reading.value or _ZERO) for row in rows), _ZERO)
        return total if total or count else None
    # An event was taken back here exactly if what took it back counts at the same instant.
    back = {(row.event.source, row.event.voids, row.counted_at) for row in rows if row.quantity < 0}
    stand = [
        row
        for row in rows
        if row.quantity > 0 and (row.event.source, row.event.id, row.counted_at) not in back
    ]
    if not stand:
        return None
    if meter.aggregation is Aggregation.UNIQUE_COUNT:
        return Decimal(len({row.reading.distinct for row in stand}))
    if meter.aggregation is Aggregation.MAX:
        return max(row.reading.value or _ZERO for row in stand)
    last = max(stand, key=lambda row: (row.event.time, row.event.source.encode(), row.event.id.encode()))
    return last.reading.value


def _total(meter: UsageMeter, rows: Sequence[Row]) -> Decimal:
    if meter.aggregation.is_additive:
        return _quantity(meter, rows) or _ZERO
    return Decimal(len(rows))


def _step(at: datetime, grain: Grain) -> datetime:
    hour = at.hour if grain is Grain.HOUR else 0
    return datetime(at.year, at.month, at.day, hour, tzinfo=UTC)
