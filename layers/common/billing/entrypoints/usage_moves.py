"""Moves of usage from one store to the other, as Lambda runs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from billing.domain.errors import InvalidParameterError
from billing.entrypoints.observability import logger
from billing.entrypoints.recovery import time_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from billing.use_cases.move_usage import MoveUsage

MARGIN = 600.0
"""Seconds before the function's end at which no further customer is begun: so long a large one may take."""


def move_usage(event: Mapping[str, Any], context: LambdaContext, run: MoveUsage) -> dict[str, object]:
    """Move customers until all are moved, or nearly the function's end, and return how far that is.

    Raises
    ------
    InvalidParameterError
        `after` is no text.
    UnavailableError
        A store does not answer.
    """
    after = event.get("after", "")
    if not isinstance(after, str):
        raise InvalidParameterError("after", "is the id of a customer")
    moved = run(after, time_of(context, MARGIN, event.get("seconds")))
    facts: dict[str, object] = {
        "to": run.to,
        "customers": moved.customers,
        "rows": moved.rows,
        "after": moved.last,
        "finished": moved.finished,
    }
    logger().info("usage was moved", extra=facts)
    return facts
