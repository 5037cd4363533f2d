"""Stripe's errors, as its API words them."""

from __future__ import annotations

from typing import Any


class StripeError(Exception):
    """An answer other than 2xx; `keep` says that what was done before it stays done (a declined card)."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        keep: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.kind = kind
        self.code = code
        self.param = param
        self.keep = keep

    def body(self) -> dict[str, Any]:
        """Return the JSON of the answer."""
        error = {"type": self.kind, "message": self.message, "code": self.code, "param": self.param}
        return {"error": {key: value for key, value in error.items() if value is not None}}


class V2Error(StripeError):
    """An answer of Stripe's API v2, whose errors have a code each and no type."""

    def __init__(self, code: str, message: str, *, status: int = 400) -> None:
        super().__init__(message, status=status, code=code)

    def body(self) -> dict[str, Any]:
        """Return the JSON of the answer."""
        return {"error": {"code": self.code, "message": self.message}}


def missing_object(kind: str, object_id: str, *, param: str = "id", status: int = 404) -> StripeError:
    """Return Stripe's answer for an id that it does not know: 404 in a path, 400 in a parameter."""
    return StripeError(f"No such {kind}: '{object_id}'", status=status, code="resource_missing", param=param)


def missing_param(name: str) -> StripeError:
    """Return Stripe's answer for a required parameter that is not there."""
    return StripeError(f"Missing required param: {name}.", code="parameter_missing", param=name)


def unknown_param(name: str) -> StripeError:
    """Return Stripe's answer for a parameter that the endpoint does not have."""
    return StripeError(
        f"Received unknown parameter: {name} (or one that this stand-in of Stripe does not have)",
        code="parameter_unknown",
        param=name,
    )
