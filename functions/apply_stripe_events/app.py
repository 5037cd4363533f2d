"""SQS: the queued events of Stripe, applied to the mirror; failed ones stay on the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import mirroring
from billing.entrypoints.event_batch import EventBatch
from billing.entrypoints.observability import observed

if TYPE_CHECKING:
    from typing import Any

    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext


@observed
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Apply one batch; the answer names the records to deliver again."""
    batch = EventBatch(
        read=mirroring.read_stripe_event(),
        apply=mirroring.apply_stripe_event(),
        recognise=mirroring.recognise_stripe_event(),
        store=mirroring.idempotency_store(),
        redeliver=mirroring.redelivery(),
    )
    return batch(event, context)
