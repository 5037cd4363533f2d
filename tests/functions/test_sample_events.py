"""The events of events/, which `sam local invoke` takes, are such that the functions answer them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from billing.entrypoints.routes import ROUTES
from tests.fakes.objects import a_credit_note
from tests.support.contract import check_answer, operations
from tests.support.einvoices import a_reverse_charge_invoice
from tests.support.lambdas import PROJECT, answered, lambda_context, lambda_handler

if TYPE_CHECKING:
    from tests.support.api import Api


@pytest.mark.parametrize("key", sorted(ROUTES))
def test_a_sample_event_of_each_route_is_answered(key: str, api: Api) -> None:
    """Given the sample event of a route and the demo documents, when it is invoked, then it is 200."""
    api.mirror(a_reverse_charge_invoice(id="in_demo1", customer="cus_demo"))
    api.mirror(a_credit_note(id="cn_demo1", invoice="in_demo1", customer="cus_demo"))
    function = operations()[key]["operationId"]
    event = json.loads((PROJECT / "events" / f"{function}.json").read_text())
    assert event["routeKey"] == key
    answer = answered(lambda_handler(function)(event, lambda_context()))
    check_answer(ROUTES[key], answer)
    assert answer.status == 200


def test_the_sample_event_of_the_authorizer_is_answered(api: Api) -> None:
    """Given the authorizer's sample event with an unknown key, when invoked, then nobody is known."""
    event = json.loads((PROJECT / "events" / "authorize.json").read_text())
    answer = lambda_handler("authorize")(event, lambda_context())
    assert answer == {"isAuthorized": True, "context": {"problem": "invalid_credentials"}}
