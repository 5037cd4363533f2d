"""Tell Stripe's meters what was used, so that Stripe adds up what we do, wherever a run is cut off."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

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
    from datetime import datetime

    from billing.domain.usage_reports import HourReported, UsageReport
    from billing.use_cases.ports import Clock
    from billing.use_cases.report_ports import StripeMeters, UsageReports, UsageUpkeep

MOST_AT_ONCE = 200
"""Customers and meters of one transaction, which these customers' own requests wait for."""


@dataclass(frozen=True, slots=True)
class Reported:
    """What one run did: reports written, and how those that it took ended; `findings` counts each kind.

    `without_meter` names our meters that no meter of Stripe's fits. `finished` is False where time ran out.
    """

    written: int
    ends: Mapping[End, int]
    findings: Mapping[FindingKind, int]
    without_meter: Sequence[str]
    closed: int
    forgotten: Sequence[str]
    finished: bool


class ReportUsage:
    """Writes reports with the ledger, then sends what is not sent; each can be cut off anywhere.

    Runs at the same time share the work. `retention` is how many months events are kept, 0 for ever.
    """

    def __init__(
        self,
        reports: UsageReports,
        upkeep: UsageUpkeep,
        meters: StripeMeters,
        clock: Clock,
        *,
        retention: int,
    ) -> None:
        self._reports = reports
        self._upkeep = upkeep
        self._meters = meters
        self._clock = clock
        self._retention = retention

    def __call__(self, more_time: Callable[[], bool]) -> Reported:
        """Return what was done; what `more_time` left is for the next run.

        Raises
        ------
        UnavailableError
            Stripe or the database does not answer; the next run goes on.
        """
        now = self._clock()
        closed = self._upkeep.prepare(now)
        written = self._reports.claim(now, MOST_AT_ONCE)
        ends: Counter[End] = Counter()
        findings: Counter[FindingKind] = Counter()
        passed: list[str] = []
        finished = False
        while more_time():
            done = self._reports.handle_next(passed, partial(self._handle, now))
            if done is None:
                finished = True
                break
            report, handled = done
            ends[handled.end] += 1
            if handled.finding is not None:
                findings[handled.finding] += 1
            if handled.end is End.PASSED:
                passed.append(report.identifier)
        return Reported(
            written=written,
            ends=ends,
            findings=findings,
            without_meter=self._reports.without_meter(now),
            closed=closed,
            forgotten=self._upkeep.forget(now, self._retention) if finished else (),
            finished=finished,
        )

    def _handle(self, now: datetime, report: UsageReport, hour: HourReported) -> Handled:
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
