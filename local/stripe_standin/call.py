"""One request to the stand-in: what a handler works with, and the table row that leads to it."""

from __future__ import annotations

import re
import secrets
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.stripe_standin.errors import StripeError, missing_object
from local.stripe_standin.params import EXPAND, PAGE, TIME_RANGE, Shape
from local.stripe_standin.store import Filter, UnknownCursorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from local.stripe_standin.params import Param
    from local.stripe_standin.store import Json, Store

_DEFAULT_PAGE = 10


@dataclass(frozen=True, slots=True)
class Call:
    """One request, its parameters typed.

    `clock` is the real time, of events; `now` is the time that objects tell about themselves,
    and differs only where `X-Standin-Created` is sent. Both in Unix seconds.
    """

    store: Store
    path: Mapping[str, str]
    params: dict[str, Any]
    clock: int
    now: int
    request_id: str | None = None
    idempotency_key: str | None = None

    def require(self, kind: str, object_id: str, *, param: str | None = None) -> Json:
        """Return the object; unknown or deleted is 404, or 400 when a parameter names it."""
        found = self.store.get(kind, object_id)
        if found is None or found.get("deleted"):
            raise missing_object(kind, object_id, param=param or "id", status=400 if param else 404)
        return found


type Handler = Callable[[Call], Json]


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint: `pattern` names its path parameters in braces."""

    method: str
    pattern: str
    handler: Handler
    params: Shape

    def match(self, path: str) -> dict[str, str] | None:
        """Return the path parameters, None if this is not the path."""
        found = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.pattern), path)
        return None if found is None else found.groupdict()


def route(
    method: str,
    pattern: str,
    handler: Handler,
    fields: Mapping[str, Param] | None = None,
    required: tuple[str, ...] = (),
) -> Route:
    """Return the endpoint; every one but deletions takes `expand`."""
    expansion = {} if method == "DELETE" else {"expand": EXPAND}
    return Route(method, pattern, handler, Shape({**(fields or {}), **expansion}, required))


def list_route(
    pattern: str,
    handler: Handler,
    fields: Mapping[str, Param] | None = None,
    required: tuple[str, ...] = (),
) -> Route:
    """Return a listing endpoint, which takes the paging parameters too."""
    return route("GET", pattern, handler, {**PAGE, **(fields or {})}, required)


_TOKENS: ContextVar[Callable[[int], str]] = ContextVar("tokens", default=secrets.token_hex)


@contextmanager
def ids_from(tokens: Callable[[int], str]) -> Iterator[None]:
    """Take the ids made in this block from `tokens`, for a history that can be made again.

    It is called as `secrets.token_hex` is, which makes them everywhere else.
    """
    before = _TOKENS.set(tokens)
    try:
        yield
    finally:
        _TOKENS.reset(before)


def new_id(prefix: str) -> str:
    """Return a fresh id of Stripe's form."""
    return f"{prefix}_1{_TOKENS.get()(11)}"


def range_filters(path: str, value: int | dict[str, int] | None) -> list[Filter]:
    """Return the filters of a time parameter given plainly or as gt, gte, lt, lte."""
    if value is None:
        return []
    if isinstance(value, int):
        return [Filter(path, value)]
    return [Filter(path, bound, operator) for operator, bound in value.items()]


def equal_filters(call: Call, *names: str) -> list[Filter]:
    """Return filters for those of the named parameters that were given, each on its own field."""
    return [Filter(f"$.{name}", call.params[name]) for name in names if name in call.params]


def page(
    call: Call,
    kind: str,
    url: str,
    *,
    filters: Sequence[Filter] = (),
    parent: str | None = None,
    view: Callable[[Json], Json] = lambda obj: obj,
) -> Json:
    """Return Stripe's list object for the call's limit and cursors."""
    after, before = call.params.get("starting_after"), call.params.get("ending_before")
    if after and before:
        raise StripeError("Received both starting_after and ending_before parameters.", param="ending_before")
    try:
        found, has_more = call.store.page(
            kind,
            limit=call.params.get("limit", _DEFAULT_PAGE),
            filters=filters,
            parent=parent,
            after=after,
            before=before,
        )
    except UnknownCursorError as error:
        name = "starting_after" if after else "ending_before"
        raise missing_object(kind, str(error), param=name, status=400) from error
    return {"object": "list", "data": [view(obj) for obj in found], "has_more": has_more, "url": url}


def kept(kind: str, url: str, filters: Mapping[str, Param], *, dated: bool = True) -> tuple[Route, Route]:
    """Return the two endpoints that show what is kept: the list with its filters, and one by its id."""

    def listed(call: Call) -> Json:
        conditions = [*equal_filters(call, *filters), *range_filters("$.created", call.params.get("created"))]
        return page(call, kind, url, filters=conditions)

    fields = {**filters, "created": TIME_RANGE} if dated else filters
    return (
        list_route(url, listed, fields),
        route("GET", f"{url}/{{id}}", lambda call: call.require(kind, call.path["id"])),
    )


def untaken(call: Call, kind: str, object_id: str) -> str:
    """Return an id that its owner chose, refused if an object of the kind has it."""
    if call.store.get(kind, object_id) is not None:
        raise StripeError(f"{kind.capitalize()} already exists.", code="resource_already_exists", param="id")
    return object_id


def embedded_list(found: list[Json], url: str, limit: int = _DEFAULT_PAGE) -> Json:
    """Return a list object with the first `limit` of `found`, as Stripe embeds lists in objects."""
    return {"object": "list", "data": found[:limit], "has_more": len(found) > limit, "url": url}
