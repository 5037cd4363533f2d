"""Called by `make backfill` until it is done: the mirror from Stripe's lists of objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import mirroring
from billing.entrypoints.observability import observed
from billing.entrypoints.recovery import backfill

if TYPE_CHECKING:
    from typing import Any

    from aws_lambda_powertools.utilities.typing import LambdaContext


@observed
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, object]:
    """Go on with the backfill; the answer says where it stands."""
    return backfill(event, context, mirroring.backfill_stripe_objects())
