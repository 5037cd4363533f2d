"""Called by `make replay` and `make events`: an event goes onto the queue again, or its row is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import mirroring
from billing.entrypoints.observability import observed
from billing.entrypoints.recovery import replay

if TYPE_CHECKING:
    from typing import Any

    from aws_lambda_powertools.utilities.typing import LambdaContext


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, object]:
    """Replay one event, or tell what the inbox knows."""
    return replay(event, mirroring.replay_stripe_event())
