"""The stand-in answers, and takes, only what Stripe's OpenAPI allows; and the checker can tell."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import stripe

from local.stripe_standin.routes import ROUTES
from tests.fixtures.stripe_data import running_standin
from tests.support.stripe_life import live_a_whole_life
from tests.support.webhook_receiver import receiving

if TYPE_CHECKING:
    from local.stripe_standin.call import Route
    from local.stripe_standin.server import Exchange
    from tests.fixtures.stripe_data import RunningStandin
    from tests.support.stripe_openapi import Recorder, Spec


@pytest.fixture(scope="module")
def exchanges() -> list[Exchange]:
    """Return what is said when every endpoint of the stand-in is used."""
    said: list[Exchange] = []
    with running_standin() as standin:
        standin.observers.append(said.append)
        live_a_whole_life(standin)
    return said


def test_every_request_and_every_answer_validates(exchanges: list[Exchange], stripe_spec: Spec) -> None:
    """Given every endpoint used by stripe-python, when checked, then neither side breaks the OpenAPI."""
    stripes = [exchange for exchange in exchanges if not exchange.path.startswith("/_standin/")]
    assert [found for exchange in stripes for found in stripe_spec.violations(exchange)] == []


def test_no_endpoint_goes_unchecked(exchanges: list[Exchange]) -> None:
    """Given the stand-in's table of endpoints, when compared with what was used, then none is left over."""

    def used(route: Route) -> bool:
        return any(
            exchange.method == route.method and route.match(exchange.path) is not None
            for exchange in exchanges
            if exchange.status == 200
        )

    assert [f"{route.method} {route.pattern}" for route in ROUTES if not used(route)] == []


def test_refusals_have_the_shape_of_stripes_errors(
    stripe_standin: RunningStandin, recorder: Recorder
) -> None:
    """Given refused requests, when their answers are checked, then they are Stripe's error objects."""
    api = stripe_standin.client().v1
    with pytest.raises(stripe.InvalidRequestError):
        api.customers.retrieve("cus_no")
    with pytest.raises(stripe.InvalidRequestError):
        api.invoices.list({"limit": 0})
    with pytest.raises(stripe.InvalidRequestError):
        api.prices.create({"currency": "usd"})

    assert {status for _, _, status in recorder.seen} == {400, 404}
    assert recorder.violations == []


def test_delivered_events_validate(stripe_spec: Spec) -> None:
    """Given deliveries of many types, when the events are checked, then they and their objects validate."""
    with receiving() as receiver, running_standin() as standin:
        standin.deliver_to(receiver.url, "whsec_x")
        live_a_whole_life(standin)
        arrived = receiver.wait_for(
            lambda received: any(each.event["type"] == "customer.deleted" for each in received)
        )

    assert len({each.event["type"] for each in arrived}) > 15
    assert [found for each in arrived for found in stripe_spec.event_violations(each.event)] == []


def test_the_standin_takes_no_parameter_that_stripe_lacks(stripe_spec: Spec) -> None:
    """Given every endpoint's parameters, when compared with the OpenAPI, then Stripe has them all."""
    unknown = [
        f"{route.method} {route.pattern}: {name}"
        for route in ROUTES
        for name in route.params.fields
        if name not in stripe_spec.parameters(route.method, re.sub(r"\{\w+\}", "x", route.pattern))
    ]

    assert unknown == []


def an_exchange(exchanges: list[Exchange], method: str, path: str) -> Exchange:
    return next(each for each in exchanges if (each.method, each.path) == (method, path))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"form": "nme=x"}, "nme"),
        ({"form": "balance=much"}, "balance"),
        ({"form": "address[planet]=x"}, "address"),
        ({"query": "limit=1"}, "limit"),
        ({"path": "/v1/custumers"}, "not in Stripe's OpenAPI"),
    ],
)
def test_the_checker_finds_a_wrong_request(
    exchanges: list[Exchange], stripe_spec: Spec, change: dict[str, Any], said: str
) -> None:
    """Given a request that breaks the OpenAPI, when checked, then the violation names what."""
    broken = replace(an_exchange(exchanges, "POST", "/v1/customers"), **change)

    (violation, *_) = stripe_spec.violations(broken)

    assert violation.side == "request"
    assert said in violation.detail


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"created": "today"}, "created"),
        ({"livemode": None}, "livemode"),
        ({"subscription": "sub_1"}, "subscription"),
        ({"tax_exempt": "maybe"}, "tax_exempt"),
        ({"address": {"planet": "x"}}, "address"),
    ],
)
def test_the_checker_finds_a_wrong_answer(
    exchanges: list[Exchange], stripe_spec: Spec, change: dict[str, Any], said: str
) -> None:
    """Given an answer that breaks the OpenAPI, when checked, then the violation names what."""
    exchange = an_exchange(exchanges, "POST", "/v1/customers")
    broken = replace(exchange, answer={**exchange.answer, **change})

    (violation, *_) = stripe_spec.violations(broken)

    assert violation.side == "answer"
    assert said in violation.detail


def test_the_checker_finds_a_missing_field(exchanges: list[Exchange], stripe_spec: Spec) -> None:
    """Given an answer without a required field, when checked, then the violation names it."""
    exchange = an_exchange(exchanges, "POST", "/v1/customers")
    broken = replace(exchange, answer={k: v for k, v in exchange.answer.items() if k != "created"})

    assert "created" in stripe_spec.violations(broken)[0].detail
