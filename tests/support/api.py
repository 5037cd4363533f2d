"""The HTTP API as a client sees it, without a gateway: authorizer, then handler, in this process."""

from __future__ import annotations

import base64
import json
import secrets
from functools import cache
from typing import TYPE_CHECKING, Any

from billing.domain.mirror import Observation, Verdict
from billing.entrypoints.routes import ROUTES
from billing.use_cases.authenticate import api_key_digest
from tests.fakes.objects import SECOND, an_event
from tests.support.contract import check_answer, operations
from tests.support.lambdas import (
    answered,
    api_event,
    authorizer_event,
    lambda_context,
    lambda_handler,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from billing.adapters.postgres.connection import Connection
    from billing.domain.mirror import Snapshot
    from billing.entrypoints.routes import Route
    from billing.use_cases.mirror_ports import Mirror
    from tests.support.issuer import Issuer
    from tests.support.lambdas import Answer

_handler = cache(lambda_handler)


class Api:
    """Signs people in, mirrors invoices, and calls routes."""

    def __init__(self, owner: Connection, mirror: Mirror, issuer: Issuer) -> None:
        self.owner = owner
        self.issuer = issuer
        self._mirror = mirror

    def mirror(self, *states: Snapshot, after: int = 0) -> None:
        """Put objects into the mirror as events do, `after` seconds after T0."""
        for state in states:
            event = an_event(f"evt_{secrets.token_hex(8)}", state, after=after)
            verdict = self._mirror.apply(event, Observation(state, event.created + SECOND))
            assert verdict is Verdict.APPLIED

    def user(self, subject: str, customer: str | None, *, locale: str = "en", disabled: bool = False) -> str:
        """Add a user, an admin where there is no customer, and return their id."""
        row = self.owner.execute(
            "INSERT INTO users (issuer, subject, role, stripe_customer_id, locale, disabled_at)"
            " VALUES (%s, %s, %s, %s, %s, CASE WHEN %s THEN now() END) RETURNING id",
            (self.issuer.url, subject, "customer" if customer else "admin", customer, locale, disabled),
        ).fetchone()
        assert row is not None
        return str(row["id"])

    def api_key(self, user: str, *, revoked: bool = False) -> str:
        """Give a user an API key and return it."""
        key = "bk_" + base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()
        self.owner.execute(
            "INSERT INTO api_keys (user_id, digest, prefix, last4, revoked_at)"
            " VALUES (%s, %s, %s, %s, CASE WHEN %s THEN now() END)",
            (user, api_key_digest(key), key[:7], key[-4:], revoked),
        )
        return key

    def customer(self, subject: str = "anna", customer: str = "cus_1", **user: Any) -> str:
        """Add a customer's user and return a token of theirs."""
        self.user(subject, customer, **user)
        return self.issuer.token(sub=subject)

    def get(
        self,
        route: Route,
        *,
        token: str | None = None,
        path: Mapping[str, str] | None = None,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """Call a route as API Gateway does, and hold its answer to the contract."""
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        authorizer = None
        if ROUTES[route.key].role is not None:
            authorizer = self.identify(route, sent)
        event = api_event(route, path=path, query=query, headers=sent, authorizer=authorizer, body=body)
        function = operations()[route.key]["operationId"]
        answer = answered(_handler(function)(through_json(event), lambda_context()))
        check_answer(route, answer)
        return answer

    def send(
        self,
        route: Route,
        body: object,
        *,
        token: str | None = None,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Call a route with a body: bytes as they are, anything else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"content-type": content_type, **(headers or {})}
        return self.get(route, token=token, headers=sent, body=content)

    def identify(self, route: Route, headers: Mapping[str, str]) -> dict[str, str]:
        """Return what the authorizer says of a request with these headers."""
        response = _handler("authorize")(through_json(authorizer_event(route, headers)), lambda_context())
        assert response["isAuthorized"] is True
        context: dict[str, str] = through_json(response)["context"]
        return context


def through_json(event: dict[str, Any]) -> dict[str, Any]:
    """Return the event as it comes out of the runtime."""
    found: dict[str, Any] = json.loads(json.dumps(event))
    return found
