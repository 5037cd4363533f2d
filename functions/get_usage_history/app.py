"""GET /api/v1/billing/usage/history: what the caller used of a meter, day by day or hour by hour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import bootstrap, metering
from billing.entrypoints import usage_presenters
from billing.entrypoints.http import endpoint, json_answer
from billing.entrypoints.routes import GET_USAGE_HISTORY
from billing.entrypoints.usage_query import history_query

if TYPE_CHECKING:
    from billing.entrypoints.http import Answer, Request


def respond(request: Request) -> Answer:
    """Answer with the steps that have usage."""
    history = metering.usage_history()(request.customer, history_query(request))
    return json_answer(usage_presenters.usage_history(history))


handler = endpoint(GET_USAGE_HISTORY, respond, bootstrap.feature_flags)
