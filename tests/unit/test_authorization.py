"""The authorizer's answer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from billing.domain.errors import (
    ForbiddenError,
    MissingCredentialsError,
    UnauthenticatedError,
    UnavailableError,
)
from billing.domain.principals import Via
from billing.entrypoints.authorization import identify, principal_of, require
from billing.entrypoints.routes import GET_INVOICE_PDF, INGEST_USAGE, LIST_INVOICES, ROUTES
from tests.fakes.feature_flags import FakeFeatureFlags
from tests.support.lambdas import ADMIN, CUSTOMER, api_event, authorizer_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from billing.domain.principals import Principal

ON = FakeFeatureFlags({"invoices": True, "invoice_pdf": True})


def finding(outcome: Principal | Exception) -> Callable[[], Any]:
    def authenticate(_: str | None) -> Principal:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return lambda: authenticate


def broken() -> Any:
    raise AssertionError("no authentication work may be done")


def context(outcome: Principal | Exception) -> dict[str, str]:
    answer = identify(authorizer_event(LIST_INVOICES, {}), lambda: ON, finding(outcome))
    assert answer["isAuthorized"] is True
    found: dict[str, str] = answer["context"]
    return found


@pytest.mark.parametrize("principal", [CUSTOMER, ADMIN, replace(CUSTOMER, via=Via.API_KEY)])
def test_a_principal_arrives_as_it_left(principal: Principal) -> None:
    """Given a caller, when the authorizer's context reaches the endpoint, then it is the same caller."""
    found = context(principal)
    assert all(isinstance(value, str) for value in found.values())
    event = api_event(LIST_INVOICES, authorizer=found)
    assert principal_of(event, LIST_INVOICES.feature) == principal


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MissingCredentialsError("x"), {"problem": "missing_credentials"}),
        (UnauthenticatedError("x"), {"problem": "invalid_credentials"}),
        (UnavailableError("database"), {"problem": "unavailable", "dependency": "database"}),
        (UnavailableError("issuer"), {"problem": "unavailable", "dependency": "issuer"}),
        (RuntimeError("password=hunter2"), {"problem": "internal_error"}),
    ],
)
def test_the_authorizer_never_denies_but_says_why_nobody_is_known(
    error: Exception, expected: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Given a failure, when the authorizer answers, then it lets pass, with the problem and no secret."""
    assert context(error) == expected
    assert "hunter2" not in capsys.readouterr().out


def test_a_switched_off_feature_does_no_authentication_work() -> None:
    """Given a feature that is off, when its route is called, then nobody is authenticated."""
    flags = FakeFeatureFlags({"invoices": True, "invoice_pdf": False})
    answer = identify(authorizer_event(GET_INVOICE_PDF, {"authorization": "Bearer x"}), lambda: flags, broken)
    assert answer == {"isAuthorized": True, "context": {"problem": "feature_disabled"}}


@pytest.mark.parametrize(
    "route_key", ["GET /api/v1/other", "$default", "", None, "POST /api/v1/billing/invoices"]
)
def test_an_unknown_route_knows_nobody(route_key: str | None) -> None:
    """Given a route that is not in the table, when it is called, then nobody is authenticated for it."""
    event = authorizer_event(LIST_INVOICES, {"authorization": "Bearer x"}) | {"routeKey": route_key}
    answer = identify(event, lambda: ON, broken)
    assert answer["context"] == {"problem": "invalid_credentials"}


@pytest.mark.parametrize("name", ["authorization", "Authorization", "AUTHORIZATION"])
def test_header_names_are_case_insensitive(name: str) -> None:
    """Given any letter case of the header's name, when it is read, then its value is found."""
    seen: list[str | None] = []

    def authenticate(authorization: str | None) -> Principal:
        seen.append(authorization)
        return CUSTOMER

    identify(authorizer_event(LIST_INVOICES, {name: "Bearer x"}), lambda: ON, lambda: authenticate)  # type: ignore[arg-type, return-value]
    assert seen == ["Bearer x"]


@pytest.mark.parametrize("headers", [None, {}])
def test_no_headers_are_no_credentials(headers: dict[str, str] | None) -> None:
    """Given an event without headers, when it is read, then the credentials are missing."""
    seen: list[str | None] = []

    def authenticate(authorization: str | None) -> Principal:
        seen.append(authorization)
        raise MissingCredentialsError("x")

    event = authorizer_event(LIST_INVOICES, {}) | {"headers": headers}
    answer = identify(event, lambda: ON, lambda: authenticate)  # type: ignore[arg-type, return-value]
    assert (seen, answer["context"]) == ([None], {"problem": "missing_credentials"})


def test_an_authorizer_that_does_not_say_how_makes_a_token_of_it() -> None:
    """Given the context of a release that did not tell API keys apart, when read, then it may do less."""
    found = context(replace(CUSTOMER, via=Via.API_KEY))
    del found["via"]
    assert principal_of(api_event(INGEST_USAGE, authorizer=found), None).via is Via.TOKEN


@pytest.mark.parametrize("via", Via)
def test_a_route_may_need_one_way_of_authentication(via: Via) -> None:
    """Given routes for one way, the other and either, when a caller came one way, then two let them in."""
    caller = replace(CUSTOMER, via=via)
    require(caller, replace(LIST_INVOICES, via=via))
    require(caller, replace(LIST_INVOICES, via=None))
    [other] = set(Via) - {via}
    with pytest.raises(ForbiddenError):
        require(caller, replace(LIST_INVOICES, via=other))


def test_every_private_route_belongs_to_a_feature() -> None:
    """Given the table of routes, when it is read, then every route that needs a role has a flag."""
    assert [route.key for route in ROUTES.values() if route.role and not route.feature] == []
