"""The frame of every HTTP endpoint: flag, principal, role, handler, JSON; errors become problems.

One function serves one route of entrypoints.routes, on Powertools' resolver for HTTP APIs.
"""

from __future__ import annotations

import base64
import json
import traceback
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from billing.domain.errors import FeatureDisabledError, ForbiddenError
from billing.entrypoints import problems
from billing.entrypoints.authorization import principal_of, require
from billing.entrypoints.observability import count, failure, logger, observed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from billing.domain.principals import Principal
    from billing.entrypoints.routes import Route
    from billing.use_cases.access_ports import FeatureFlags

    type Respond = Callable[[Request], Answer]
    type LambdaHandler = Callable[[Any, LambdaContext], dict[str, Any]]

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "Referrer-Policy": "no-referrer",
}
"""On every answer, of success or not (OWASP REST Security)."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request; `principal` is None on routes for anyone, header names are in lower case."""

    principal: Principal | None
    path: Mapping[str, str]
    raw_query: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def customer(self) -> str:
        """The Stripe customer id whose data the caller may see.

        Raises
        ------
        ForbiddenError
            The caller is no customer.
        """
        if self.principal is None or self.principal.customer is None:
            raise ForbiddenError("This is for customers only.")
        return self.principal.customer

    @property
    def locale(self) -> str:
        """The caller's own locale; empty when nobody is signed in."""
        return "" if self.principal is None else self.principal.locale


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: text is sent as it is, bytes in base64, None as an empty body."""

    status: HTTPStatus
    body: str | bytes | None
    headers: Mapping[str, str] = field(default_factory=dict)


def json_answer(body: Mapping[str, object]) -> Answer:
    """Return 200 with a JSON body."""
    return Answer(HTTPStatus.OK, _json(body), {"Content-Type": "application/json"})


def endpoint(route: Route, respond: Respond, flags: Callable[[], FeatureFlags]) -> LambdaHandler:
    """Return the Lambda handler that serves `route` with `respond`.

    `flags` is called only where the route belongs to a feature. Nothing that `respond` raises
    leaves the handler: it becomes a problem, with the request id that is on every log line.
    """
    # Never debug: it would answer a failed request with its stack trace.
    app = APIGatewayHttpResolver(debug=False)

    def serve(**path: str) -> Response[str | bytes]:
        event = app.current_event.raw_event
        return _response(respond(_admitted(route, event, path, flags)))

    def fail(error: Exception) -> Response[str | bytes]:
        return _response(_problem_answer(_reported(error), _request_id(app.current_event.raw_event)))

    def nothing_here(_: Exception) -> Response[str | bytes]:
        return _response(_problem_answer(problems.NO_SUCH_ROUTE, _request_id(app.current_event.raw_event)))

    app.route(route.path.replace("{", "<").replace("}", ">"), method=route.method)(serve)
    app.exception_handler(Exception)(fail)
    app.not_found(nothing_here)

    @observed
    def handler(event: Any, context: LambdaContext) -> dict[str, Any]:
        count("Requests")
        request_id = _request_id(event)
        logger().append_keys(request_id=request_id, route=route.key)
        try:
            response = app.resolve(event, context)
        except Exception as error:  # noqa: BLE001 - an event that is not API Gateway's must not show a trace
            response = _plain(_problem_answer(_reported(error), request_id))
        logger().info("answered", extra={"status": response["statusCode"]})
        return response

    return handler


def _admitted(
    route: Route, event: Mapping[str, Any], path: Mapping[str, str], flags: Callable[[], FeatureFlags]
) -> Request:
    if route.feature is not None and not flags().enabled(route.feature):
        raise FeatureDisabledError(route.feature)
    principal = None
    if route.role is not None:
        principal = principal_of(event, route.feature)
        logger().append_keys(user=principal.user)
        require(principal, route)
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    return Request(principal, path, event.get("rawQueryString") or "", headers, _body(event))


def _body(event: Mapping[str, Any]) -> bytes:
    """Return the bytes that were sent; what is text to API Gateway comes as text, anything else in base64."""
    body: str = event.get("body") or ""
    return base64.b64decode(body) if event.get("isBase64Encoded") else body.encode(errors="surrogatepass")


def _reported(error: Exception) -> problems.Problem:
    """Return the problem, after telling operators what the caller is not told."""
    problem = problems.problem_of(error)
    facts: dict[str, object] = {"code": problem.code}
    if problem is problems.INTERNAL:
        count("UnhandledErrors")
        stack = [
            f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)
        ]
        logger().error("the request failed", extra=facts | failure(error) | {"stack": stack})
    elif problem.status is HTTPStatus.SERVICE_UNAVAILABLE:
        count("Unavailable")
        logger().warning("the request cannot be served now", extra=facts | failure(error))
    else:
        count("Refused")
        logger().info("the request is refused", extra=facts)
    return problem


def _problem_answer(problem: problems.Problem, request_id: str) -> Answer:
    headers = {"Content-Type": problems.CONTENT_TYPE, **problem.headers}
    return Answer(problem.status, _json(problem.body(request_id)), headers)


def _headers(answer: Answer) -> dict[str, str]:
    return {"Cache-Control": "no-store", **SECURITY_HEADERS, **answer.headers}


def _response(answer: Answer) -> Response[str | bytes]:
    return Response(status_code=answer.status.value, body=answer.body or "", headers=_headers(answer))


def _plain(answer: Answer) -> dict[str, Any]:
    return {
        "statusCode": answer.status.value,
        "body": answer.body,
        "isBase64Encoded": False,
        "headers": _headers(answer),
    }


def _json(body: Mapping[str, object]) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _request_id(event: Any) -> str:
    """Return API Gateway's id of the request, which its access log has too."""
    context = event.get("requestContext") if isinstance(event, dict) else None
    found = context.get("requestId") if isinstance(context, dict) else None
    return found if isinstance(found, str) else ""
