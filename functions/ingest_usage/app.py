"""POST /api/v1/billing/usage/events: what a customer's system used, one event or up to a thousand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import bootstrap, metering
from billing.entrypoints import parameters
from billing.entrypoints.http import endpoint, json_answer
from billing.entrypoints.routes import INGEST_USAGE
from billing.entrypoints.usage_events import answer, usage_events

if TYPE_CHECKING:
    from billing.entrypoints.http import Answer, Request


def respond(request: Request) -> Answer:
    """Answer with what became of each event."""
    parameters.no_parameters(request)
    sent = usage_events(request)
    return json_answer(answer(sent, metering.record_usage()(request.customer, sent.events)))


handler = endpoint(INGEST_USAGE, respond, bootstrap.feature_flags)
