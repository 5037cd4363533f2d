"""PUT /api/v1/billing/alerts: the caller's thresholds, in the place of those before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import bootstrap, metering
from billing.entrypoints import alerts, parameters
from billing.entrypoints.http import endpoint, json_answer
from billing.entrypoints.routes import PUT_ALERTS

if TYPE_CHECKING:
    from billing.entrypoints.http import Answer, Request


def respond(request: Request) -> Answer:
    """Answer with what holds from now on."""
    parameters.no_parameters(request)
    thresholds = alerts.thresholds(request)
    return json_answer(alerts.overview(metering.put_alerts()(request.customer, thresholds)))


handler = endpoint(PUT_ALERTS, respond, bootstrap.feature_flags)
