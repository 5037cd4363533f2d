"""GET /api/v1/meta/features: which features are on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import bootstrap
from billing.entrypoints import meta, parameters
from billing.entrypoints.http import endpoint, json_answer
from billing.entrypoints.routes import GET_FEATURES

if TYPE_CHECKING:
    from billing.entrypoints.http import Answer, Request


def respond(request: Request) -> Answer:
    """Answer with every flag."""
    parameters.no_parameters(request)
    return json_answer(meta.features(bootstrap.get_features()()))


handler = endpoint(GET_FEATURES, respond, bootstrap.feature_flags)
