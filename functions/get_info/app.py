"""GET /api/v1/meta/info: what is deployed here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import bootstrap
from billing.entrypoints import meta, parameters
from billing.entrypoints.http import endpoint, json_answer
from billing.entrypoints.routes import GET_INFO

if TYPE_CHECKING:
    from billing.entrypoints.http import Answer, Request


def respond(request: Request) -> Answer:
    """Answer with name, version, environment and Stripe API version."""
    parameters.no_parameters(request)
    return json_answer(meta.info(bootstrap.get_info()()))


handler = endpoint(GET_INFO, respond, bootstrap.feature_flags)
