"""GET /api/v1/billing/usage/current: what the caller used in the periods that run now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import bootstrap, metering
from billing.entrypoints import parameters, usage_presenters
from billing.entrypoints.http import endpoint, json_answer
from billing.entrypoints.routes import GET_CURRENT_USAGE

if TYPE_CHECKING:
    from billing.entrypoints.http import Answer, Request


def respond(request: Request) -> Answer:
    """Answer with where every meter stands."""
    parameters.no_parameters(request)
    return json_answer(usage_presenters.current_usage(metering.current_usage()(request.customer)))


handler = endpoint(GET_CURRENT_USAGE, respond, bootstrap.feature_flags)
