"""EventBridge, every few minutes: events that Stripe lists and that never came are put on the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import mirroring
from billing.entrypoints.observability import observed
from billing.entrypoints.recovery import sweep

if TYPE_CHECKING:
    from typing import Any

    from aws_lambda_powertools.utilities.typing import LambdaContext


@observed
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, object]:
    """Sweep until the end or nearly the function's; the answer says where it stands."""
    return sweep(event, context, mirroring.sweep_stripe_events())
