"""The principal on its way from the authorizer to a handler, in API Gateway's authorizer context.

The authorizer never denies: a gateway's own 401 is no problem+json and would come before the
feature flag. It says who calls, or why that is not known; the endpoint decides (entrypoints.http).
Every value of the context is a string.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.domain.errors import (
    FeatureDisabledError,
    ForbiddenError,
    MissingCredentialsError,
    UnauthenticatedError,
    UnavailableError,
)
from billing.domain.principals import Principal, Role, Via
from billing.entrypoints.observability import count, failure, logger
from billing.entrypoints.routes import ROUTES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from billing.entrypoints.routes import Route
    from billing.use_cases.access_ports import FeatureFlags
    from billing.use_cases.authenticate import Authenticate

MISSING = "missing_credentials"
INVALID = "invalid_credentials"
UNAVAILABLE = "unavailable"
DISABLED = "feature_disabled"
INTERNAL = "internal_error"


class AuthorizerFailedError(Exception):
    """The authorizer met an unexpected error, which it logged."""


def identify(
    event: Mapping[str, Any], flags: Callable[[], FeatureFlags], authenticate: Callable[[], Authenticate]
) -> dict[str, Any]:
    """Return the simple response (payload 2.0) for one authorizer event.

    The route's flag is read first: nobody is authenticated for a feature that is off. The use case
    is built only when it is needed, and for a route that is not in the table it never is.
    """
    try:
        context = _identified(event, flags, authenticate)
    except MissingCredentialsError:
        context = {"problem": MISSING}
    except UnauthenticatedError:
        context = {"problem": INVALID}
    except UnavailableError as error:
        context = {"problem": UNAVAILABLE, "dependency": error.dependency}
    except FeatureDisabledError:
        context = {"problem": DISABLED}
    except Exception as error:  # noqa: BLE001 - a crash here would be the gateway's bare 500
        count("UnhandledErrors")
        logger().error("authorization failed", extra=failure(error))
        context = {"problem": INTERNAL}
    logger().info("identified", extra={key: context[key] for key in _LOGGED if key in context})
    return {"isAuthorized": True, "context": context}


_LOGGED = ("problem", "dependency", "user", "role")


def _identified(
    event: Mapping[str, Any], flags: Callable[[], FeatureFlags], authenticate: Callable[[], Authenticate]
) -> dict[str, str]:
    route = ROUTES.get(event.get("routeKey", ""))
    if route is None:
        raise UnauthenticatedError("This route knows nobody.")
    if route.feature is not None and not flags().enabled(route.feature):
        raise FeatureDisabledError(route.feature)
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    principal = authenticate()(headers.get("authorization"))
    return {
        "user": principal.user,
        "role": principal.role.value,
        "customer": principal.customer or "",
        "locale": principal.locale,
        "timezone": principal.timezone,
        "via": principal.via.value,
    }


def principal_of(event: Mapping[str, Any], feature: str | None) -> Principal:
    """Return the caller that the authorizer identified.

    Raises
    ------
    UnauthenticatedError
        Nobody was identified, or the context is not as the authorizer writes it.
    UnavailableError
        The authorizer could not reach what it needs.
    FeatureDisabledError
        The feature was off when the authorizer looked.
    AuthorizerFailedError
        The authorizer broke.
    """
    context = _context(event)
    problem = context.get("problem")
    if problem is not None:
        raise _problem(problem, context, feature)
    try:
        return Principal(
            user=_text(context, "user"),
            role=Role(_text(context, "role")),
            customer=context["customer"] or None,
            locale=_text(context, "locale"),
            timezone=_text(context, "timezone"),
            # An authorizer of the release before does not say it: then it is what may do less.
            via=Via(context.get("via", Via.TOKEN)),
        )
    except (KeyError, ValueError) as error:
        raise _unidentified() from error


def require(principal: Principal, route: Route) -> None:
    """Return when the principal may call the route.

    Raises
    ------
    ForbiddenError
        It has another role, is a customer without a customer id, or came with a token where only an
        API key will do, or the other way round.
    """
    if route.role is not None and principal.role is not route.role:
        raise ForbiddenError(f"This is for the role '{route.role.value}' only.")
    if route.via is not None and principal.via is not route.via:
        needed = "API keys" if route.via is Via.API_KEY else "tokens"
        raise ForbiddenError(f"This is for {needed} only.")
    if route.role is Role.CUSTOMER and principal.customer is None:
        raise ForbiddenError("This user belongs to no customer.")


def _context(event: Mapping[str, Any]) -> dict[str, str]:
    found: Any = event
    for key in ("requestContext", "authorizer", "lambda"):
        found = found.get(key) if isinstance(found, dict) else None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise _unidentified()
    return found


def _problem(problem: str, context: Mapping[str, str], feature: str | None) -> Exception:
    match problem:
        case "missing_credentials":
            return MissingCredentialsError("Credentials are needed: an API key or a token, as Bearer.")
        case "unavailable":
            return UnavailableError(context.get("dependency", "authorizer"))
        case "feature_disabled" if feature is not None:
            return FeatureDisabledError(feature)
        case "internal_error":
            return AuthorizerFailedError()
        case _:
            return UnauthenticatedError("The credentials do not hold.")


def _text(context: Mapping[str, str], key: str) -> str:
    value = context[key]
    if not value:
        raise ValueError(f"{key} is empty")
    return value


def _unidentified() -> UnauthenticatedError:
    return UnauthenticatedError("The caller is not known.")
