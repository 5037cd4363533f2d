"""Lambda functions in this process: their handlers, their events, what they answer."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from billing.domain.principals import Principal, Role

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from billing.entrypoints.routes import Route

PROJECT = Path(__file__).parents[2]
REQUEST_ID = "JKJaXmPLvHcESHA="
CUSTOMER = Principal("00000000-0000-4000-8000-000000000001", Role.CUSTOMER, "cus_1", "en", "UTC")
ADMIN = Principal("00000000-0000-4000-8000-000000000002", Role.ADMIN, None, "en", "UTC")


def lambda_handler(function: str) -> Callable[[Any, LambdaContext], dict[str, Any]]:
    """Return the handler of a function's app.py, imported anew as a cold start does."""
    spec = spec_from_file_location(f"app_{function}", PROJECT / "functions" / function / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    handler: Callable[[Any, LambdaContext], dict[str, Any]] = module.handler
    return handler


def lambda_context() -> LambdaContext:
    """Return a context as the runtime gives it."""
    context = LambdaContext()
    context._function_name = "function-under-test"  # noqa: SLF001 -- Powertools' class has no constructor
    context._memory_limit_in_mb = 512  # noqa: SLF001
    context._invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:under-test"  # noqa: SLF001
    context._aws_request_id = "11111111-2222-4333-8444-555555555555"  # noqa: SLF001
    return context


def authorizer_context(principal: Principal) -> dict[str, str]:
    """Return what the authorizer says of a principal."""
    return {
        "user": principal.user,
        "role": principal.role.value,
        "customer": principal.customer or "",
        "locale": principal.locale,
        "timezone": principal.timezone,
        "via": principal.via.value,
    }


def api_event(
    route: Route,
    *,
    path: Mapping[str, str] | None = None,
    query: str = "",
    headers: Mapping[str, str] | None = None,
    authorizer: object = None,
    body: bytes | None = None,
) -> dict[str, Any]:
    """Return a request of payload format 2.0; `authorizer` is the authorizer's context, None for none.

    A body comes as API Gateway sends it: as text where the Content-Type is text to it, else in base64.
    """
    raw_path = route.path
    for name, value in (path or {}).items():
        raw_path = raw_path.replace(f"{{{name}}}", value)
    context: dict[str, Any] = {
        "accountId": "123456789012",
        "apiId": "api1234567",
        "domainName": "api.example.com",
        "http": {
            "method": route.method,
            "path": raw_path,
            "protocol": "HTTP/1.1",
            "sourceIp": "192.0.2.1",
            "userAgent": "test",
        },
        "requestId": REQUEST_ID,
        "routeKey": route.key,
        "stage": "$default",
    }
    if authorizer is not None:
        context["authorizer"] = {"lambda": authorizer}
    sent = {"host": "api.example.com", **(headers or {})}
    is_text = sent.get("content-type", "").partition(";")[0] in {"application/json", "text/plain"}
    event = {
        "version": "2.0",
        "routeKey": route.key,
        "rawPath": raw_path,
        "rawQueryString": query,
        "headers": sent,
        "pathParameters": dict(path or {}),
        "requestContext": context,
        "isBase64Encoded": body is not None and not is_text,
    }
    if body is not None:
        event["body"] = body.decode(errors="replace") if is_text else base64.b64encode(body).decode()
    return event


def authorizer_event(route: Route, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return a request to a Lambda authorizer, payload format 2.0."""
    event = api_event(route, headers=headers)
    return {
        **event,
        "type": "REQUEST",
        "routeArn": "arn:aws:execute-api:eu-west-1:123456789012:api1234567/$default/GET/any",
        "identitySource": None,
    }


@dataclass(frozen=True)
class Answer:
    """What a handler answered, as a client would see it."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def answered(response: dict[str, Any]) -> Answer:
    """Return the client's view of a handler's response; header names are in lower case."""
    body = response["body"]
    assert isinstance(body, str)
    content = base64.b64decode(body) if response["isBase64Encoded"] else body.encode()
    return Answer(
        response["statusCode"], {name.lower(): value for name, value in response["headers"].items()}, content
    )
