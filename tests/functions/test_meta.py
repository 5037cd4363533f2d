"""GET /api/v1/meta/features and /api/v1/meta/info."""

from __future__ import annotations

from typing import TYPE_CHECKING

import stripe

from billing import __version__
from billing.domain.features import Feature
from billing.entrypoints.routes import GET_FEATURES, GET_INFO

if TYPE_CHECKING:
    import pytest

    from tests.support.api import Api


def test_features_are_as_the_flags_say(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given flags, one on and one not there, when features are asked for, then the second is off."""
    monkeypatch.setenv("FEATURE_FLAGS", '{"invoices": {"default": true}, "secret_plan": {"default": true}}')
    answer = api.get(GET_FEATURES)
    off = {feature.value: False for feature in Feature}
    assert answer.json == {"features": off | {"invoices": True}}


def test_info_tells_what_is_deployed(api: Api) -> None:
    """Given the deployment, when info is asked for, then name and versions are told, and nothing else."""
    assert api.get(GET_INFO).json == {
        "name": "billing",
        "version": __version__,
        "environment": "test",
        "stripe_api_version": stripe.api_version,
    }


def test_a_parameter_is_refused(api: Api) -> None:
    """Given a parameter on a route that takes none, when called, then 422 names it."""
    for route in (GET_FEATURES, GET_INFO):
        answer = api.get(route, query="verbose=1")
        assert (answer.status, answer.json["errors"][0]["field"]) == (422, "verbose")
