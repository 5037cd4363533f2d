"""The HTTP side: authentication, versions, idempotency, routing, errors; then the handlers."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import secrets
import time
from base64 import b64decode
from binascii import Error as Base64Error
from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from aiohttp import web

from local.stripe_standin import API_VERSION, credit_notes, helpers, invoice_lines, subscription_lifecycle
from local.stripe_standin.call import Call
from local.stripe_standin.delivery import RETRY_DELAYS, Deliverer
from local.stripe_standin.errors import StripeError, V2Error
from local.stripe_standin.expand import expand
from local.stripe_standin.forms import nest
from local.stripe_standin.rate_limit import RateLimit, add_rate_routes, too_many
from local.stripe_standin.routes import HELPER_ROUTES, ROUTES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from local.stripe_standin.call import Route
    from local.stripe_standin.store import Json, Store

LOGGER = logging.getLogger("stripe_standin")

_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(\.[a-z]+)?")
_KEY_LIFE = 86_400
_LONGEST_KEY = 255
_OK = 200
_FORM = "application/x-www-form-urlencoded"
# No answer holds itself; looking for that is a fifth of writing a long one.
_encode = json.JSONEncoder(check_circular=False).encode


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, for observers (the conformance tests)."""

    method: str
    path: str
    query: str
    form: str
    headers: Mapping[str, str]
    status: int
    answer: Json


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    query: str
    form: str
    headers: Mapping[str, str]
    clock: int
    id: str


def create_app(
    store: Store,
    *,
    observers: Sequence[Callable[[Exchange], None]] = (),
    retry_delays: Sequence[float] = RETRY_DELAYS,
) -> web.Application:
    """Return the application; it delivers events while it runs and closes the store at its end."""
    app = web.Application(client_max_size=64 * 1024 * 1024)
    limit = RateLimit()

    async def lifetime(_: web.Application) -> AsyncIterator[None]:
        deliverer = Deliverer(store, retry_delays=retry_delays)
        app[helpers.DELIVERER] = deliverer
        await deliverer.start()
        yield
        await deliverer.stop()
        store.close()

    async def serve(request: web.Request) -> web.Response:
        clock = int(time.time())
        body = await request.read()
        asked = _Request(
            method=request.method,
            path=request.path,
            query=request.rel_url.raw_query_string,
            form=body.decode("utf-8", "replace"),
            headers=request.headers,
            clock=clock,
            id=f"req_{secrets.token_hex(7)}",
        )
        if limit.takes():
            status, answer, replayed = _answer(store, asked)
        else:
            status, answer, replayed = (*too_many(), False)
        app[helpers.DELIVERER].wake()
        for observer in observers:
            observer(
                Exchange(asked.method, asked.path, asked.query, asked.form, asked.headers, status, answer)
            )
        headers = {
            # Read before the state was: whoever orders states by this header must not be told a later time.
            "Date": formatdate(clock, usegmt=True),
            "Request-Id": asked.id,
            "Stripe-Version": request.headers.get("Stripe-Version", API_VERSION),
        }
        if "Idempotency-Key" in request.headers:
            headers["Idempotency-Key"] = request.headers["Idempotency-Key"]
        if replayed:
            headers["Idempotent-Replayed"] = "true"
        return web.json_response(answer, status=status, headers=headers, dumps=_encode)

    app.cleanup_ctx.append(lifetime)
    helpers.add_routes(app, store)
    add_rate_routes(app, limit)
    app.router.add_route("*", "/{path:.*}", serve)
    return app


def _answer(store: Store, request: _Request) -> tuple[int, Json, bool]:
    try:
        _authenticate(request.headers.get("Authorization", ""))
        _check_version(request.headers.get("Stripe-Version", API_VERSION))
        route, path = _route(request.method, request.path)
        with store.transaction():
            return _once(store, request, route, path)
    except StripeError as error:
        return error.status, error.body(), False
    except Exception:
        LOGGER.exception("%s %s failed", request.method, request.path)
        fault = StripeError("The stand-in of Stripe failed; its log tells why.", status=500, kind="api_error")
        return fault.status, fault.body(), False


def _authenticate(header: str) -> None:
    scheme, _, credentials = header.partition(" ")
    key = credentials.strip()
    if scheme.lower() == "basic":
        try:
            key = b64decode(key).decode("ascii").partition(":")[0]
        except (Base64Error, UnicodeDecodeError):
            key = ""
    elif scheme.lower() != "bearer":
        key = ""
    if not key:
        raise StripeError(
            "You did not provide an API key. You need to provide your API key in the Authorization header,"
            " using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
            status=401,
        )
    if not key.startswith(("sk_test_", "rk_test_")):
        raise StripeError(
            "Invalid API Key provided: this stand-in of Stripe takes any sk_test_ key, and no live key",
            status=401,
        )


def _check_version(version: str) -> None:
    if _VERSION.fullmatch(version) is None:
        raise StripeError(f"Invalid Stripe API version: {version}")


def _route(method: str, path: str) -> tuple[Route, dict[str, str]]:
    for route in (*ROUTES, *HELPER_ROUTES):
        found = route.match(path) if route.method == method else None
        if found is not None:
            return route, found
    raise StripeError(
        f"Unrecognized request URL ({method}: {path}): this stand-in of Stripe does not have it.", status=404
    )


def _once(store: Store, request: _Request, route: Route, path: dict[str, str]) -> tuple[int, Json, bool]:
    """Answer the request; one with an idempotency key that was used before gets the first answer again."""
    key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
    fingerprint = hashlib.sha256(
        f"{request.method}\n{request.path}\n{request.query}\n{request.form}".encode()
    ).hexdigest()
    if key is not None:
        if not 0 < len(key) <= _LONGEST_KEY:
            raise StripeError("Invalid Idempotency-Key: at most 255 characters", kind="idempotency_error")
        store.db.execute("DELETE FROM answers WHERE created < ?", (request.clock - _KEY_LIFE,))
        first = store.db.execute(
            "SELECT fingerprint, status, body FROM answers WHERE key = ?", (key,)
        ).fetchone()
        if first is not None:
            if first[0] != fingerprint:
                raise StripeError(
                    "Keys for idempotent requests can only be used with the same parameters they were first"
                    f" used with. Try using a key other than '{key}' if you meant to execute a different"
                    " request.",
                    kind="idempotency_error",
                )
            return first[1], json.loads(first[2]), True
    status, answer = _handle(store, request, route, path, key)
    if key is not None:
        store.db.execute(
            "INSERT INTO answers (key, fingerprint, status, body, created) VALUES (?, ?, ?, ?, ?)",
            (key, fingerprint, status, json.dumps(answer), request.clock),
        )
    return status, answer, False


def _handle(
    store: Store, request: _Request, route: Route, path: dict[str, str], key: str | None
) -> tuple[int, Json]:
    params = _params(request, route)
    paths = params.pop("expand", [])
    call = Call(
        store=store,
        path=path,
        params=params,
        clock=request.clock,
        now=_now(request),
        request_id=request.id,
        idempotency_key=key,
    )
    try:
        return _OK, expand(route.handler(call), paths, lambda object_id: shown(store, object_id))
    except StripeError as error:
        if not error.keep:
            raise
        return error.status, error.body()


def shown(store: Store, object_id: str) -> Json | None:
    """Return the object of any kind as Stripe shows it, None if there is none."""
    found = store.find(object_id)
    views = {
        "invoice": invoice_lines.view,
        "subscription": subscription_lifecycle.view,
        "credit_note": credit_notes.view,
    }
    view = None if found is None else views.get(found["object"])
    return found if found is None or view is None else view(store, found)


def _params(request: _Request, route: Route) -> dict[str, Any]:
    content_type = request.headers.get("Content-Type", _FORM).partition(";")[0].strip().lower()
    if request.path.startswith("/v2/") and request.method == "POST":
        return route.params.read_all(_json(request.form, content_type))
    if request.form and content_type != _FORM:
        raise StripeError(
            f"Invalid request (check that your POST content type is {_FORM}).",
        )
    try:
        pairs = [
            pair
            for text in (request.query, request.form)
            for pair in parse_qsl(text, keep_blank_values=True, errors="strict")
        ]
    except UnicodeDecodeError as error:
        raise StripeError("Invalid request: parameters must be UTF-8") from error
    return route.params.read_all(nest(pairs))


def _json(body: str, content_type: str) -> dict[str, Any]:
    try:
        given = json.loads(body)
    except ValueError:
        given = None
    if content_type != "application/json" or not isinstance(given, dict):
        raise V2Error("invalid_fields", "The body must be a JSON object.")
    return given


def _now(request: _Request) -> int:
    header = request.headers.get("X-Standin-Created")
    if header is None:
        return request.clock
    if not header.isdecimal() or int(header) > request.clock:
        raise StripeError("X-Standin-Created must be a Unix time that is not in the future")
    return int(header)
