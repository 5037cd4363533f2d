"""GET /api/v1/billing/alerts: the caller's thresholds, and what fired in the periods that go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import bootstrap, metering
from billing.entrypoints import alerts, parameters
from billing.entrypoints.http import endpoint, json_answer
from billing.entrypoints.routes import GET_ALERTS

if TYPE_CHECKING:
    from billing.entrypoints.http import Answer, Request


def respond(request: Request) -> Answer:
    """Answer with both."""
    parameters.no_parameters(request)
    return json_answer(alerts.overview(metering.get_alerts()(request.customer)))


handler = endpoint(GET_ALERTS, respond, bootstrap.feature_flags)
