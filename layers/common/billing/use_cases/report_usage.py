"""Tell Stripe's meters what was used, so that Stripe adds up what we do, wherever a run is cut off."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from billing.domain.errors import UnavailableError
from billing.domain.usage_reports import (
    OLDEST_REPORT,
    TRUSTED_FOR,
    End,
    FindingKind,
    Handled,
    Refusal,
    is_delivered,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from billing.domain.usage_reports import HourReported, UsageReport
    from billing.use_cases.ports import Clock
    from billing.use_cases.report_ports import (
        StripeMeters,
        UsageElsewhere,
        UsageReports,
        UsageUpkeep,
    )

MOST_AT_ONCE = 200
"""Customers and meters of one transaction, which these customers' own requests wait for."""

LANES = 8
"""Reports that are being sent at once, each of another customer or meter, on a connection of its own."""


@dataclass(frozen=True, slots=True)
class Reported:
    """What one run did: reports written, and how those that it took ended; `findings` counts each kind.

    `without_meter` names our meters that no meter of Stripe's fits. `archived` counts the months
    of customers in another store that were added up. `finished` is False where time ran out.
    """

    written: int
    ends: Mapping[End, int]
    findings: Mapping[FindingKind, int]
    without_meter: Sequence[str]
    closed: int
    forgotten: Sequence[str]
    archived: int
    finished: bool


@dataclass(slots=True)
class _Work:
    """What the lanes of one run share."""

    now: datetime
    more_time: Callable[[], bool]
    lock: threading.Lock = field(default_factory=threading.Lock)
    ends: Counter[End] = field(default_factory=Counter)
    findings: Counter[FindingKind] = field(default_factory=Counter)
    passed: list[str] = field(default_factory=list)
    failed: bool = False
    finished: bool = True

    def count(self, handled: Handled) -> None:
        """Add how one report ended."""
        with self.lock:
            self.ends[handled.end] += 1
            if handled.finding is not None:
                self.findings[handled.finding] += 1


class ReportUsage:
    """Writes reports with the ledger, then sends what is not sent; each can be cut off anywhere.

    Runs at the same time share the work. Reports are sent in up to LANES threads: the first uses `reports`,
    and `lane` opens what each further one uses. `elsewhere` is the usage in another store, if there is one.
    `retention` is how many months events are kept, 0 for ever.
    """

    def __init__(
        self,
        reports: UsageReports,
        lane: Callable[[], AbstractContextManager[UsageReports]],
        upkeep: UsageUpkeep,
        meters: StripeMeters,
        clock: Clock,
        *,
        retention: int,
        elsewhere: UsageElsewhere | None = None,
    ) -> None:
        self._elsewhere = elsewhere
        self._reports = reports
        self._lane = lane
        self._upkeep = upkeep
        self._meters = meters
        self._clock = clock
        self._retention = retention

    def __call__(self, more_time: Callable[[], bool]) -> Reported:
        """Return what was done; what `more_time` left is for the next run.

        Raises
        ------
        UnavailableError
            Stripe or a store does not answer; the next run goes on. Of a store elsewhere this is raised once
            the usage of the others is told.
        """
        now = self._clock()
        closed = self._upkeep.prepare(now)
        written = self._reports.claim(now, MOST_AT_ONCE)
        away: UnavailableError | None = None
        if self._elsewhere is not None:
            try:
                closed += self._elsewhere.close(now, more_time)
                written += self._elsewhere.claim(now, more_time)
            except UnavailableError as error:
                away = error
        work = _Work(now, more_time)
        self._send(work)
        if away is not None:
            raise away
        return Reported(
            written=written,
            ends=work.ends,
            findings=work.findings,
            without_meter=self._reports.without_meter(now),
            closed=closed,
            forgotten=self._upkeep.forget(now, self._retention) if work.finished else (),
            archived=self._elsewhere.forget(now, self._retention, more_time)
            if work.finished and self._elsewhere is not None
            else 0,
            finished=work.finished,
        )

    def _send(self, work: _Work) -> None:
        lanes = min(LANES, self._reports.waiting())
        if lanes == 0:
            return
        with ThreadPoolExecutor(lanes) as pool:
            sent = [pool.submit(self._drain, work, nullcontext(self._reports))]
            sent += [pool.submit(self._drain, work, self._lane()) for _ in range(lanes - 1)]
        # All have ended by now; what one raised is raised here.
        for each in sent:
            each.result()

    def _drain(self, work: _Work, lane: AbstractContextManager[UsageReports]) -> None:
        """Send one report after the other, until there is none left that no other lane has."""
        try:
            with lane as reports:
                while not work.failed:
                    if not work.more_time():
                        work.finished = False
                        return
                    done = reports.handle_next(tuple(work.passed), partial(self._handle, work))
                    if done is None:
                        return
                    work.count(done[1])
        except BaseException:
            # Whatever it was (a Lambda that ends, too), nothing further is begun.
            work.failed = True
            raise

    def _handle(self, work: _Work, report: UsageReport, hour: HourReported) -> Handled:
        handled = self._told(work.now, report, hour)
        if handled.end is End.PASSED:
            # While the report is still this lane's: the others must find it in the list.
            work.passed.append(report.identifier)
        return handled

    def _told(self, now: datetime, report: UsageReport, hour: HourReported) -> Handled:
        if report.stripe_meter is None:
            return _refused("stripe_meter_gone")
        # Of a meter that takes the last value a second event at the same time changes nothing.
        if now - report.created_at > TRUSTED_FOR and report.stripe_meter.adds_up:
            found = self._meters.hour(report.stripe_meter.id, report.customer, report.at)
            delivered = is_delivered(report, hour, found)
            if delivered is None:
                return Handled(End.PASSED, FindingKind.UNCERTAIN, f"{found} at Stripe, {hour.sent} sent")
            if delivered:
                return Handled(End.SENT)
        if now - report.at > OLDEST_REPORT:
            return Handled(End.REFUSED, FindingKind.TOO_OLD, FindingKind.TOO_OLD.value)
        said = self._meters.send(report)
        return _refused(said.code) if isinstance(said, Refusal) else Handled(End.SENT)


def _refused(code: str) -> Handled:
    return Handled(End.REFUSED, FindingKind.REFUSED, code)
