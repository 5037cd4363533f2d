"""Called by `make late-usage`: what becomes of usage that comes after its period was billed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import metering
from billing.entrypoints.late_usage import late_usage
from billing.entrypoints.observability import observed

if TYPE_CHECKING:
    from typing import Any

    from aws_lambda_powertools.utilities.typing import LambdaContext


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, object]:
    """Set the policy of a customer, or tell it."""
    return late_usage(event, metering.late_usage())
