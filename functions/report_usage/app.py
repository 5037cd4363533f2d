"""EventBridge, every hour: what was used is told to Stripe's meters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import metering
from billing.entrypoints.observability import observed
from billing.entrypoints.usage_reports import report

if TYPE_CHECKING:
    from typing import Any

    from aws_lambda_powertools.utilities.typing import LambdaContext


@observed
def handler(_event: dict[str, Any], context: LambdaContext) -> dict[str, object]:
    """Report until the end or nearly the function's; the answer says what was done."""
    return report(context, metering.report_usage())
