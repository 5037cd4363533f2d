"""Events: every change makes one, and a delivery of it for every endpoint that wants it."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from local.stripe_standin import API_VERSION
from local.stripe_standin.call import Route, list_route, new_id, page, range_filters, route
from local.stripe_standin.errors import StripeError, V2Error
from local.stripe_standin.params import TIME_RANGE, Integer, ListOf, Shape, Text
from local.stripe_standin.store import Filter, UnknownCursorError
from local.stripe_standin.webhook_endpoints import LOCAL_ENDPOINT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local.stripe_standin.call import Call
    from local.stripe_standin.store import Json, Store

THIN = "v2.core.event"
"""The object name of an event of API v2."""

DESTINATION = "v2.core.event_destination"
"""The object name of where events of API v2 go."""

_THIN_PAGE = 20
_ABSENT = object()
_MOST_TYPES = 20


def emit(call: Call, event_type: str, obj: Json, *, before: Json | None = None) -> None:
    """Keep an Event about `obj` as it is now and queue its deliveries; `before` gives previous_attributes."""
    data: Json = {"object": obj}
    if before is not None:
        data["previous_attributes"] = changed(before, obj)
    event: Json = {
        "id": new_id("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": call.clock,
        "data": data,
        "livemode": False,
        "pending_webhooks": 0,
        "request": {"id": call.request_id, "idempotency_key": call.idempotency_key},
        "type": event_type,
    }
    call.store.put("event", event)
    _deliver(call, event["id"], event_type, call.store.all("webhook_endpoint"))


def emit_thin(call: Call, event_type: str, related: Json, data: Json) -> Json:
    """Keep and return an event of API v2, and queue its deliveries, which tell nothing of its data.

    Such events go to event destinations, not to webhook endpoints; but the local cloud's one endpoint gets
    both, so that it need not be told of as a destination, too.
    """
    event: Json = {
        "id": new_id("evt"),
        "object": THIN,
        "created": datetime.fromtimestamp(call.clock, UTC).isoformat().replace("+00:00", "Z"),
        "data": data,
        "livemode": False,
        "related_object": related,
        "type": event_type,
    }
    call.store.put(THIN, {**event, "_created": event["created"], "created": call.clock})
    endpoints = [each for each in call.store.all("webhook_endpoint") if each["id"] == LOCAL_ENDPOINT]
    _deliver(call, event["id"], event_type, [*endpoints, *call.store.all(DESTINATION)])
    return event


def thin(store: Store, event_id: str, *, with_data: bool) -> Json | None:
    """Return an event of API v2, None if there is none; only who fetches it is told its data."""
    kept = store.get(THIN, event_id)
    if kept is None:
        return None
    event = {**kept, "created": kept["_created"]}
    hidden = {"_created"} if with_data else {"_created", "data"}
    return {name: value for name, value in event.items() if name not in hidden}


def _deliver(call: Call, event_id: str, event_type: str, endpoints: Iterable[Json]) -> None:
    for endpoint in endpoints:
        if endpoint["status"] == "enabled" and wants(endpoint, event_type):
            call.store.db.execute(
                "INSERT INTO deliveries (event, endpoint, due) VALUES (?, ?, ?)",
                (event_id, endpoint["id"], call.clock),
            )


def wants(endpoint: Json, event_type: str) -> bool:
    """Return whether the endpoint subscribed to this type of event."""
    return "*" in endpoint["enabled_events"] or event_type in endpoint["enabled_events"]


def changed(before: Json, after: Json) -> Json:
    """Return the old values of what differs; in nested objects only the keys that differ."""
    previous: Json = {}
    for key in before.keys() | after.keys():
        old, new = before.get(key, _ABSENT), after.get(key, _ABSENT)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            previous[key] = changed(old, new)
        else:
            previous[key] = None if old is _ABSENT else old
    return dict(sorted(previous.items()))


def with_pending(call: Call, event: Json) -> Json:
    """Return the event with the number of deliveries that have not succeeded yet."""
    (pending,) = call.store.db.execute(
        "SELECT count(*) FROM deliveries WHERE event = ?", (event["id"],)
    ).fetchone()
    return {**event, "pending_webhooks": pending}


def _retrieve(call: Call) -> Json:
    return with_pending(call, call.require("event", call.path["id"]))


def _retrieve_thin(call: Call) -> Json:
    event = thin(call.store, call.path["id"], with_data=True)
    if event is None:
        raise V2Error("not_found", f"No such event: {call.path['id']}", status=404)
    return event


def _list_thin(call: Call) -> Json:
    given = dict(call.params)
    token = given.pop("page", None)
    if token is not None:
        if given:
            raise V2Error("invalid_fields", "A page's token comes alone.")
        given = _of_token(token)
    types: list[str] = given.get("types", [])
    if len(types) > _MOST_TYPES:
        raise V2Error("invalid_fields", f"At most {_MOST_TYPES} types.")
    filters = [Filter("$.type", tuple(types))] if types else []
    for operator, text in given.get("created", {}).items():
        filters.append(Filter("$.created", _seconds(text), operator))
    limit = given.get("limit", _THIN_PAGE)
    try:
        found, has_more = call.store.page(THIN, limit=limit, filters=filters, after=given.get("after"))
    except UnknownCursorError:
        raise V2Error("invalid_fields", "The page's token is not known.") from None
    following = {**given, "after": found[-1]["id"]} if has_more else None
    return {
        "data": [thin(call.store, event["id"], with_data=False) for event in found],
        "next_page_url": None if following is None else f"/v2/core/events?page={_token(following)}",
        "previous_page_url": None,
    }


def _token(given: Json) -> str:
    return urlsafe_b64encode(json.dumps(given).encode()).decode()


def _of_token(token: str) -> Json:
    try:
        given: Json = json.loads(urlsafe_b64decode(token))
    except ValueError:
        raise V2Error("invalid_fields", "The page's token is not known.") from None
    return given


def _seconds(text: str) -> int:
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except ValueError:
        raise V2Error("invalid_fields", "created: not a date and time.") from None


def _list(call: Call) -> Json:
    filters: list[Filter] = range_filters("$.created", call.params.get("created"))
    types: list[Any] = call.params.get("types", [])
    if types and call.params.get("type"):
        raise StripeError("You may only specify one of these parameters: type, types.", param="type")
    if len(types) > _MOST_TYPES:
        raise StripeError(f"You may specify at most {_MOST_TYPES} types.", param="types")
    wanted = types or [kind for kind in (call.params.get("type"),) if kind]
    if wanted:
        filters.append(Filter("$.type", tuple(wanted)))
    return page(call, "event", "/v1/events", filters=filters, view=lambda event: with_pending(call, event))


ROUTES = (
    route("GET", "/v1/events/{id}", _retrieve),
    Route("GET", "/v2/core/events/{id}", _retrieve_thin, Shape()),
    Route(
        "GET",
        "/v2/core/events",
        _list_thin,
        Shape(
            {
                "created": Shape({name: Text() for name in ("gt", "gte", "lt", "lte")}),
                "limit": Integer(1, 100),
                "page": Text(),
                "types": ListOf(Text()),
            }
        ),
    ),
    list_route("/v1/events", _list, {"created": TIME_RANGE, "type": Text(), "types": ListOf(Text())}),
)
