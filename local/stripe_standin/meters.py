"""Billing meters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.stripe_standin.call import kept, new_id, route
from local.stripe_standin.errors import StripeError
from local.stripe_standin.events import emit
from local.stripe_standin.params import Choice, Shape, Text

if TYPE_CHECKING:
    from local.stripe_standin.call import Call
    from local.stripe_standin.store import Json


def _create(call: Call) -> Json:
    given = call.params
    _unused(call, given["event_name"])
    meter: Json = {
        "id": new_id("mtr"),
        "object": "billing.meter",
        "created": call.now,
        "customer_mapping": given.get("customer_mapping")
        or {"event_payload_key": "stripe_customer_id", "type": "by_id"},
        "default_aggregation": given["default_aggregation"],
        "display_name": given["display_name"],
        "event_name": given["event_name"],
        "event_time_window": given.get("event_time_window"),
        "livemode": False,
        "status": "active",
        "status_transitions": {"deactivated_at": None},
        "updated": call.now,
        "value_settings": given.get("value_settings") or {"event_payload_key": "value"},
    }
    call.store.put("billing.meter", meter)
    emit(call, "billing.meter.created", meter)
    return meter


def _unused(call: Call, event_name: str) -> None:
    used = (each for each in call.store.all("billing.meter") if each["event_name"] == event_name)
    if any(each["status"] == "active" for each in used):
        raise StripeError(
            f"An active meter already exists for the event name `{event_name}`.", param="event_name"
        )


def _update(call: Call) -> Json:
    before = call.require("billing.meter", call.path["id"])
    meter = {**before, "display_name": call.params.get("display_name") or before["display_name"]}
    if meter != before:
        _keep(call, meter, before, "updated")
    return meter


def _deactivate(call: Call) -> Json:
    before = _in_status(call, "active")
    transitions = {"deactivated_at": call.now}
    meter = {**before, "status": "inactive", "status_transitions": transitions}
    return _keep(call, meter, before, "deactivated")


def _reactivate(call: Call) -> Json:
    before = _in_status(call, "inactive")
    _unused(call, before["event_name"])
    meter = {**before, "status": "active", "status_transitions": {"deactivated_at": None}}
    return _keep(call, meter, before, "reactivated")


def _in_status(call: Call, status: str) -> Json:
    meter = call.require("billing.meter", call.path["id"])
    if meter["status"] != status:
        raise StripeError(f"You can only do this with a meter that is {status}.")
    return meter


def _keep(call: Call, meter: Json, before: Json, verb: str) -> Json:
    kept_so = {**meter, "updated": call.now}
    call.store.put("billing.meter", kept_so)
    emit(call, f"billing.meter.{verb}", kept_so, before=before)
    return kept_so


ROUTES = (
    route(
        "POST",
        "/v1/billing/meters",
        _create,
        {
            "customer_mapping": Shape(
                {"event_payload_key": Text(100), "type": Choice(("by_id",))}, ("event_payload_key", "type")
            ),
            "default_aggregation": Shape({"formula": Choice(("count", "last", "sum"))}, ("formula",)),
            "display_name": Text(250),
            "event_name": Text(100),
            "event_time_window": Choice(("day", "hour")),
            "value_settings": Shape({"event_payload_key": Text(100)}, ("event_payload_key",)),
        },
        ("default_aggregation", "display_name", "event_name"),
    ),
    *kept("billing.meter", "/v1/billing/meters", {"status": Choice(("active", "inactive"))}, dated=False),
    route("POST", "/v1/billing/meters/{id}", _update, {"display_name": Text(250)}),
    route("POST", "/v1/billing/meters/{id}/deactivate", _deactivate),
    route("POST", "/v1/billing/meters/{id}/reactivate", _reactivate),
)
