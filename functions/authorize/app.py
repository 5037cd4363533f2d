"""The Lambda authorizer: says who calls a route; the route decides what that means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import bootstrap
from billing.entrypoints.authorization import identify
from billing.entrypoints.observability import observed

if TYPE_CHECKING:
    from typing import Any

    from aws_lambda_powertools.utilities.typing import LambdaContext


@observed
def handler(event: dict[str, Any], _: LambdaContext) -> dict[str, Any]:
    """Answer one authorizer request of payload format 2.0 with a simple response."""
    return identify(event, flags=bootstrap.feature_flags, authenticate=bootstrap.authenticate)
