"""Errors as RFC 9457 problems: the only place that knows which error is which HTTP status.

`type` is left at its default, about:blank, so `title` is the status phrase; `code` is the stable
name that programs branch on (docs/api.md lists them).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

from billing.domain.errors import (
    BillingError,
    ContentionError,
    EInvoiceIncompleteError,
    FeatureDisabledError,
    ForbiddenError,
    InvalidParameterError,
    MissingCredentialsError,
    NotFoundError,
    UnauthenticatedError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CONTENT_TYPE = "application/problem+json"

RETRY_SOON = "5"
"""Seconds until a part that is away may be back."""
RETRY_LATER = "300"
"""Seconds until a switched-off feature may be on again."""


class InvalidParametersError(BillingError):
    """Several parameters of one request break their rules; `errors` has at least one."""

    def __init__(self, errors: Sequence[InvalidParameterError]) -> None:
        super().__init__("; ".join(str(error) for error in errors))
        self.errors = tuple(errors)


class NotAcceptableError(BillingError):
    """What is asked for cannot be sent in any form that the client accepts."""


class MalformedBodyError(BillingError):
    """The body is not JSON."""


class BodyTooLargeError(BillingError):
    """The body has more bytes than are read."""


class UnsupportedMediaTypeError(BillingError):
    """The body is of a kind that is not read."""


class EventRefusedError(BillingError):
    """The one event of a request is refused, for what `code` says; `taken` if for an id of other content."""

    def __init__(self, code: str, error: InvalidParameterError, *, taken: bool) -> None:
        super().__init__(str(error))
        self.code = code
        self.error = error
        self.taken = taken


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem, before it is written: everything in it may be shown to the caller."""

    status: HTTPStatus
    code: str
    detail: str
    errors: tuple[InvalidParameterError, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    def body(self, request_id: str) -> dict[str, object]:
        """Return the members of application/problem+json."""
        members: dict[str, object] = {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
            "code": self.code,
            "request_id": request_id,
        }
        if self.errors:
            members["errors"] = [{"field": error.field, "reason": error.reason} for error in self.errors]
        if self.missing:
            members["missing"] = list(self.missing)
        return members


INTERNAL = Problem(
    HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", "Something went wrong here. Quote the request id."
)
NO_SUCH_ROUTE = Problem(HTTPStatus.NOT_FOUND, "not_found", "There is nothing here.")


# The first row that fits counts, so a special case stands before its base.
_TABLE: tuple[tuple[type[BillingError], HTTPStatus, str, Mapping[str, str]], ...] = (
    (InvalidParametersError, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_parameter", {}),
    (InvalidParameterError, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_parameter", {}),
    (MalformedBodyError, HTTPStatus.BAD_REQUEST, "malformed_body", {}),
    (BodyTooLargeError, HTTPStatus.CONTENT_TOO_LARGE, "body_too_large", {}),
    (UnsupportedMediaTypeError, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", {}),
    (NotFoundError, HTTPStatus.NOT_FOUND, "not_found", {}),
    (NotAcceptableError, HTTPStatus.NOT_ACCEPTABLE, "not_acceptable", {}),
    (EInvoiceIncompleteError, HTTPStatus.CONFLICT, "einvoice_incomplete", {}),
    # RFC 6750, section 3.1: a challenge names an error only when there were credentials.
    (MissingCredentialsError, HTTPStatus.UNAUTHORIZED, "missing_credentials", {"WWW-Authenticate": "Bearer"}),
    (
        UnauthenticatedError,
        HTTPStatus.UNAUTHORIZED,
        "invalid_credentials",
        {"WWW-Authenticate": 'Bearer error="invalid_token"'},
    ),
    (ForbiddenError, HTTPStatus.FORBIDDEN, "forbidden", {}),
    (
        FeatureDisabledError,
        HTTPStatus.SERVICE_UNAVAILABLE,
        "feature_disabled",
        {"Retry-After": RETRY_LATER},
    ),
    (UnavailableError, HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", {"Retry-After": RETRY_SOON}),
    (ContentionError, HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", {"Retry-After": RETRY_SOON}),
)


def problem_of(error: Exception) -> Problem:
    """Return the problem of an error; an error that is not meant for callers is `internal_error`."""
    if isinstance(error, EventRefusedError):
        refused = HTTPStatus.CONFLICT if error.taken else HTTPStatus.UNPROCESSABLE_ENTITY
        return Problem(refused, error.code, str(error), (error.error,))
    for kind, status, code, headers in _TABLE:
        if isinstance(error, kind):
            return Problem(status, code, str(error), _errors(error), headers, _missing(error))
    return INTERNAL


def _errors(error: BillingError) -> tuple[InvalidParameterError, ...]:
    match error:
        case InvalidParametersError(errors=errors):
            return errors
        case InvalidParameterError():
            return (error,)
        case _:
            return ()


def _missing(error: BillingError) -> tuple[str, ...]:
    match error:
        case EInvoiceIncompleteError(missing=missing):
            return missing
        case _:
            return ()
