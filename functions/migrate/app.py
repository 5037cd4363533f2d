"""Brings the schema and its roles up to date: run by the deploy, or by an operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from billing import bootstrap
from billing.entrypoints.deployment import deploy
from billing.entrypoints.observability import observed

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, object]:
    """Migrate, roll back or report; a custom resource is answered at its ResponseURL."""
    return deploy(event, bootstrap.migrate_schema)
