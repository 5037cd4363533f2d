"""Stripe's deliveries over a Lambda function URL (payload 2.0): bytes in, an answer out, nothing kept.

Any answer but 2xx makes Stripe deliver again, for up to three days.
"""

from __future__ import annotations

import base64
import binascii
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from billing.domain.errors import PayloadRejectedError, SignatureRejectedError, UnavailableError
from billing.entrypoints.observability import count, failure, logger
from billing.entrypoints.problems import CONTENT_TYPE, INTERNAL, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from billing.use_cases.receive_stripe_event import ReceiveStripeEvent

_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


def respond(
    event: Mapping[str, Any], context: LambdaContext, receive: Callable[[], ReceiveStripeEvent]
) -> dict[str, object]:
    """Return the answer to one request.

    200 only once the queue has the event; 400 for what Stripe did not send; 405 for another method;
    500 when the queue, the secrets or anything else fails, so that Stripe delivers again.
    """
    if _method(event) != "POST":
        problem = Problem(
            HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", "Only POST.", headers={"allow": "POST"}
        )
        return _refused(problem, context)
    try:
        received = receive()(_body(event), _header(event, "stripe-signature"))
    except SignatureRejectedError as error:
        return _rejected("signature_rejected", error, context)
    except PayloadRejectedError as error:
        return _rejected("payload_rejected", error, context)
    except UnavailableError as error:
        return _failed(Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "unavailable", str(error)), error, context)
    except Exception as error:  # noqa: BLE001 - whatever it is, Stripe must be told to come again
        return _failed(INTERNAL, error, context)
    count("StripeEventsReceived")
    logger().info(
        "event received",
        extra={"stripe_event_id": received.event_id, "stripe_event_type": received.event_type},
    )
    return _answer(HTTPStatus.OK, "application/json", {"received": True})


def _method(event: Mapping[str, Any]) -> object:
    return event.get("requestContext", {}).get("http", {}).get("method")


def _body(event: Mapping[str, Any]) -> bytes:
    """Return the bytes that were sent."""
    body = event.get("body") or ""
    try:
        return base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode()
    except (binascii.Error, UnicodeEncodeError):
        raise PayloadRejectedError("The body cannot be decoded.") from None


def _header(event: Mapping[str, Any], name: str) -> str | None:
    # Lambda passes names in lower case, other hosts as the caller wrote them.
    for key, value in (event.get("headers") or {}).items():
        if key.lower() == name:
            return str(value)
    return None


def _rejected(code: str, error: Exception, context: LambdaContext) -> dict[str, object]:
    count("StripeEventsRejected")
    logger().warning("delivery rejected", extra={"code": code, "reason": str(error)})
    return _refused(Problem(HTTPStatus.BAD_REQUEST, code, str(error)), context)


def _failed(problem: Problem, error: Exception, context: LambdaContext) -> dict[str, object]:
    count("StripeEventsNotQueued")
    logger().error("delivery not taken", extra={"code": problem.code, **failure(error)})
    return _refused(problem, context)


def _refused(problem: Problem, context: LambdaContext) -> dict[str, object]:
    answer = problem.body(context.aws_request_id)
    return _answer(problem.status, CONTENT_TYPE, answer, problem.headers)


def _answer(
    status: HTTPStatus, content_type: str, body: dict[str, object], headers: Mapping[str, str] | None = None
) -> dict[str, object]:
    return {
        "statusCode": status.value,
        "headers": {"content-type": content_type, **_HEADERS, **(headers or {})},
        "body": json.dumps(body),
    }
