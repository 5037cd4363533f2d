"""The frame of every endpoint."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest

from billing.domain import errors
from billing.domain.features import Feature
from billing.domain.principals import Role
from billing.entrypoints.http import endpoint, json_answer
from billing.entrypoints.problems import problem_of
from billing.entrypoints.routes import Route
from tests.fakes.feature_flags import FakeFeatureFlags
from tests.support.lambdas import (
    ADMIN,
    CUSTOMER,
    REQUEST_ID,
    answered,
    api_event,
    authorizer_context,
    lambda_context,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from billing.entrypoints.http import Answer, Request
    from tests.support.lambdas import Answer as Answered

PRIVATE = Route("GET", "/api/v1/things/{id}", Role.CUSTOMER, Feature.INVOICES)
PUBLIC = Route("GET", "/api/v1/public", None, None)


def ok(_: Request) -> Answer:
    return json_answer({"ok": True})


def failing(error: Exception) -> Callable[[Request], Answer]:
    def respond(_: Request) -> Answer:
        raise error

    return respond


def call(
    respond: Callable[[Request], Answer] = ok,
    *,
    route: Route = PRIVATE,
    flags: FakeFeatureFlags | None = None,
    **event: Any,
) -> Answered:
    used = flags or FakeFeatureFlags({"invoices": True})
    handler = endpoint(route, respond, lambda: used)
    event.setdefault("path", {"id": "1"})
    event.setdefault("authorizer", authorizer_context(CUSTOMER))
    return answered(handler(api_event(route, **event), lambda_context()))


def test_an_admitted_request_reaches_its_handler_whole() -> None:
    """Given a customer's request, when it is served, then its handler sees all of it."""
    seen: list[Request] = []

    def respond(request: Request) -> Answer:
        seen.append(request)
        return json_answer({"name": "Zoë"})

    answer = call(respond, path={"id": "in_1"}, query="a=1&a=2", headers={"If-None-Match": "*"})
    assert (answer.status, answer.json) == (200, {"name": "Zoë"})
    assert answer.headers["content-type"] == "application/json"
    request = seen[0]
    assert (request.customer, request.path["id"], request.raw_query) == ("cus_1", "in_1", "a=1&a=2")
    assert request.headers["if-none-match"] == "*"


def test_a_public_route_needs_nobody_and_reads_no_flag() -> None:
    """Given a route for anyone, when nobody calls it, then it answers without asking for a flag."""
    flags = FakeFeatureFlags({})
    answer = call(route=PUBLIC, flags=flags, authorizer=None, path={})
    assert (answer.status, flags.asked) == (200, [])


@pytest.mark.parametrize(
    ("respond", "authorizer"),
    [
        (ok, authorizer_context(CUSTOMER)),
        (ok, None),
        (ok, authorizer_context(ADMIN)),
        (failing(errors.NotFoundError("x")), authorizer_context(CUSTOMER)),
        (failing(RuntimeError("x")), authorizer_context(CUSTOMER)),
    ],
)
def test_every_answer_carries_the_security_headers(
    respond: Callable[[Request], Answer], authorizer: object
) -> None:
    """Given any outcome, when it is answered, then the security headers are on it and nothing caches it."""
    headers = call(respond, authorizer=authorizer).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["strict-transport-security"].startswith("max-age=31536000")
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"


def test_a_switched_off_feature_is_503_before_anybody_is_looked_at() -> None:
    """Given a feature that is off and no credentials, when it is called, then 503 feature_disabled."""
    answer = call(flags=FakeFeatureFlags({"invoices": False}), authorizer=None)
    assert (answer.status, answer.json["code"]) == (503, "feature_disabled")
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize(
    "authorizer",
    [
        None,
        {},
        [],
        "customer",
        authorizer_context(CUSTOMER) | {"role": "root"},
        authorizer_context(CUSTOMER) | {"role": ""},
        authorizer_context(CUSTOMER) | {"role": "CUSTOMER"},
        authorizer_context(CUSTOMER) | {"user": ""},
        authorizer_context(CUSTOMER) | {"customer": None},
        authorizer_context(CUSTOMER) | {"customer": 7},
        authorizer_context(CUSTOMER) | {"problem": "something new"},
        authorizer_context(CUSTOMER) | {"problem": ""},
        {key: value for key, value in authorizer_context(CUSTOMER).items() if key != "customer"},
        {key: value for key, value in authorizer_context(CUSTOMER).items() if key != "locale"},
    ],
)
def test_an_authorizer_context_that_is_odd_admits_nobody(authorizer: object) -> None:
    """Given no context or one that the authorizer does not write, when it is called, then 401."""
    answer = call(failing(AssertionError("reached")), authorizer=authorizer)
    assert (answer.status, answer.json["code"]) == (401, "invalid_credentials")
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'


@pytest.mark.parametrize(
    ("problem", "status", "code"),
    [
        ({"problem": "missing_credentials"}, 401, "missing_credentials"),
        ({"problem": "invalid_credentials"}, 401, "invalid_credentials"),
        ({"problem": "unavailable", "dependency": "database"}, 503, "unavailable"),
        ({"problem": "unavailable"}, 503, "unavailable"),
        ({"problem": "feature_disabled"}, 503, "feature_disabled"),
        ({"problem": "internal_error"}, 500, "internal_error"),
    ],
)
def test_what_the_authorizer_met_is_what_the_caller_is_told(
    problem: dict[str, str], status: int, code: str
) -> None:
    """Given a problem of the authorizer, when the route is called, then the caller gets that problem."""
    answer = call(failing(AssertionError("reached")), authorizer=problem)
    assert (answer.status, answer.json["code"]) == (status, code)


def test_missing_credentials_are_challenged_without_an_error() -> None:
    """Given no credentials, when the route is called, then the challenge is plain (RFC 6750, 3.1)."""
    answer = call(authorizer={"problem": "missing_credentials"})
    assert answer.headers["www-authenticate"] == "Bearer"


def test_another_role_is_forbidden() -> None:
    """Given an admin, when a customer's route is called, then 403."""
    answer = call(failing(AssertionError("reached")), authorizer=authorizer_context(ADMIN))
    assert (answer.status, answer.json["code"]) == (403, "forbidden")


def test_a_customer_without_a_customer_id_is_forbidden() -> None:
    """Given the role but no customer, when a customer's route is called, then 403."""
    context = authorizer_context(CUSTOMER) | {"customer": ""}
    assert call(failing(AssertionError("reached")), authorizer=context).status == 403


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.InvalidParameterError("limit", "is odd"), 422, "invalid_parameter"),
        (errors.NotFoundError("gone"), 404, "not_found"),
        (errors.EInvoiceIncompleteError(("number",)), 409, "einvoice_incomplete"),
        (errors.UnauthenticatedError("who"), 401, "invalid_credentials"),
        (errors.ForbiddenError("no"), 403, "forbidden"),
        (errors.FeatureDisabledError("invoices"), 503, "feature_disabled"),
        (errors.UnavailableError("database"), 503, "unavailable"),
        (errors.ContentionError("busy"), 503, "unavailable"),
        (errors.SignatureRejectedError("not of this API"), 500, "internal_error"),
        (errors.PayloadRejectedError("not of this API"), 500, "internal_error"),
        (errors.RefusedError("not of this API"), 500, "internal_error"),
        (errors.BillingError("no kind"), 500, "internal_error"),
    ],
)
def test_each_error_is_one_problem(error: Exception, status: int, code: str) -> None:
    """Given an error of the domain, when a handler raises it, then it is its problem of RFC 9457."""
    answer = call(failing(error))
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.status == status
    assert answer.json["status"] == status
    assert answer.json["code"] == code
    assert answer.json["type"] == "about:blank"
    assert answer.json["title"] == HTTPStatus(status).phrase
    assert answer.json["request_id"] == REQUEST_ID
    assert ("retry-after" in answer.headers) == (status == 503)
    assert ("www-authenticate" in answer.headers) == (status == 401)


def test_a_parameter_error_names_its_field() -> None:
    """Given a refused parameter, when it is answered, then detail and errors name the field."""
    body = call(failing(errors.InvalidParameterError("starting_after", "is no invoice"))).json
    assert body["detail"] == "starting_after: is no invoice"
    assert body["errors"] == [{"field": "starting_after", "reason": "is no invoice"}]


def test_every_error_of_the_domain_has_a_problem() -> None:
    """Given every error class, when problems are asked for, then a webhook's and a batch's are internal."""
    internal = {
        kind.__name__
        for kind in _subclasses(errors.BillingError)
        if kind.__module__ == errors.__name__ and problem_of(kind.__new__(kind)).status == 500
    }
    assert internal == {"SignatureRejectedError", "PayloadRejectedError", "RefusedError"}


def _subclasses(kind: type[Exception]) -> list[type[Exception]]:
    return [found for sub in kind.__subclasses__() for found in (sub, *_subclasses(sub))]


def test_an_unexpected_error_tells_the_caller_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Given a bug whose message holds a secret, when it strikes, then neither answer nor log has it."""

    def respond(_: Request) -> Answer:
        raise RuntimeError("password=hunter2 SELECT * FROM users")

    answer = call(respond, query="q=hunter2", headers={"authorization": "Bearer hunter2"})
    assert (answer.status, answer.json["code"]) == (500, "internal_error")
    log = capsys.readouterr().out
    assert "RuntimeError" in log
    assert "test_http_frame.py" in log, "the stack is there to find the bug by"
    assert REQUEST_ID in log
    for text in (answer.body.decode(), log):
        assert "hunter2" not in text
        assert "SELECT" not in text


@pytest.mark.parametrize("event", [{}, {"requestContext": None}, {"version": "2.0"}, [], None, "x"])
def test_an_event_that_is_no_request_is_a_plain_500(event: object) -> None:
    """Given an event of no gateway, when the handler is invoked, then it answers 500 and shows no trace."""
    handler = endpoint(PRIVATE, ok, lambda: FakeFeatureFlags({"invoices": True}))
    answer = answered(handler(event, lambda_context()))
    assert (answer.status, answer.json["code"]) == (500, "internal_error")
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/api/v1/things", "/api/v1/things/a/b", "/api/v1/other", "/"])
def test_another_path_is_a_404_problem(path: str) -> None:
    """Given a path that is not the route's, when the handler is invoked, then it is a 404 problem."""
    handler = endpoint(PRIVATE, failing(AssertionError("reached")), lambda: FakeFeatureFlags({}))
    event = api_event(PRIVATE, path={"id": "1"})
    event["rawPath"] = event["requestContext"]["http"]["path"] = path
    answer = answered(handler(event, lambda_context()))
    assert (answer.status, answer.json["code"]) == (404, "not_found")
    assert answer.headers["content-type"] == "application/problem+json"


def test_powertools_debug_mode_cannot_leak_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given POWERTOOLS_DEV, which answers with stack traces, when a bug strikes, then none is shown."""
    monkeypatch.setenv("POWERTOOLS_DEV", "true")
    monkeypatch.setenv("POWERTOOLS_DEBUG", "true")
    answer = call(failing(RuntimeError("hunter2")))
    assert b"hunter2" not in answer.body
    assert b"Traceback" not in answer.body


def test_one_line_a_request_with_its_status(capsys: pytest.CaptureFixture[str]) -> None:
    """Given a request, when it is answered, then a JSON line has its id, route, caller and status."""
    call()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    line = next(line for line in lines if line.get("message") == "answered")
    assert line["status"] == 200
    assert line["route"] == PRIVATE.key
    assert line["user"] == CUSTOMER.user
    assert line["request_id"] == REQUEST_ID
