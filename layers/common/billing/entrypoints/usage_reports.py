"""The report of usage as Lambda runs it: how long it may take, what it tells."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from billing.domain.usage_reports import End
from billing.entrypoints.observability import count, logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from billing.use_cases.report_usage import ReportUsage

MARGIN = 30.0
"""Seconds before the function's end at which nothing further is begun."""


def report(context: LambdaContext, run: ReportUsage) -> dict[str, object]:
    """Report until the end or nearly the function's, and return what was done."""
    end = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - MARGIN
    done = run(lambda: time.monotonic() < end)
    facts = {
        "written": done.written,
        **{one.value: done.ends.get(one, 0) for one in End},
        "findings": {kind.value: number for kind, number in done.findings.items()},
        "without_meter": list(done.without_meter),
        "closed": done.closed,
        "forgotten": list(done.forgotten),
        "archived": done.archived,
        "finished": done.finished,
    }
    if done.ends.get(End.SENT):
        count("UsageReportsSent", done.ends[End.SENT])
    if done.findings:
        count("UsageReportFindings", sum(done.findings.values()))
        logger().error("usage was not told to Stripe", extra=facts)
    if done.without_meter:
        count("UsageMetersWithoutStripe", len(done.without_meter))
        logger().error("Stripe has no meter that fits", extra={"meters": list(done.without_meter)})
    if done.finished:
        count("UsageReportsFinished")
    logger().info("usage reported", extra=facts)
    return facts
