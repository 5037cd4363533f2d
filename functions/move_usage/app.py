"""Called by `make move-usage` until it is done: customers' usage from one store to the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import metering
from billing.entrypoints.observability import observed
from billing.entrypoints.usage_moves import move_usage

if TYPE_CHECKING:
    from typing import Any

    from aws_lambda_powertools.utilities.typing import LambdaContext


@observed
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, object]:
    """Go on with the move; the answer says where it stands."""
    return move_usage(event, context, metering.move_usage())
