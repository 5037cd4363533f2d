"""Events: every change makes one, and a delivery of it for every endpoint that wants it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.stripe_standin import API_VERSION
from local.stripe_standin.call import list_route, new_id, page, range_filters, route
from local.stripe_standin.errors import StripeError
from local.stripe_standin.params import TIME_RANGE, ListOf, Text
from local.stripe_standin.store import Filter

if TYPE_CHECKING:
    from local.stripe_standin.call import Call
    from local.stripe_standin.store import Json

_ABSENT = object()
_MOST_TYPES = 20


def emit(call: Call, event_type: str, obj: Json, *, before: Json | None = None) -> None:
    """Keep an Event about `obj` as it is now and queue its deliveries; `before` gives previous_attributes."""
    data: Json = {"object": obj}
    if before is not None:
        data["previous_attributes"] = changed(before, obj)
    event = {
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
    for endpoint in call.store.all("webhook_endpoint"):
        if endpoint["status"] == "enabled" and wants(endpoint, event_type):
            call.store.db.execute(
                "INSERT INTO deliveries (event, endpoint, due) VALUES (?, ?, ?)",
                (event["id"], endpoint["id"], call.clock),
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
    list_route("/v1/events", _list, {"created": TIME_RANGE, "type": Text(), "types": ListOf(Text())}),
)
