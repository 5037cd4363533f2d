"""POST {function URL}: Stripe's deliveries, verified and queued."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import bootstrap
from billing.entrypoints.observability import observed
from billing.entrypoints.webhook import respond

if TYPE_CHECKING:
    from typing import Any

    from aws_lambda_powertools.utilities.typing import LambdaContext


@observed
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, object]:
    """Answer one request of a function URL, payload format 2.0."""
    return respond(event, context, bootstrap.receive_stripe_event)
