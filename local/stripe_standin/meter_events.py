"""Meter events: taken at once, added up a little later, and refused later still where a test asks for it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from local.stripe_standin.call import Route, new_id, route
from local.stripe_standin.errors import StripeError, V2Error, missing_object
from local.stripe_standin.events import emit_thin
from local.stripe_standin.params import Choice, Integer, Keyed, Shape, Text

if TYPE_CHECKING:
    from local.stripe_standin.call import Call
    from local.stripe_standin.params import Param
    from local.stripe_standin.store import Json

_KIND = "v2.billing.meter_event"
_UNIQUE_FOR = 86_400
_OLDEST = timedelta(days=35)
_FARTHEST_AHEAD = timedelta(minutes=5)
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_WHOLE = re.compile(r"-?[0-9]{1,20}")
_LAG = "meter_lag"


def _send(call: Call) -> Json:
    given = call.params
    named = [each for each in call.store.all("billing.meter") if each["event_name"] == given["event_name"]]
    meter = next((each for each in named if each["status"] == "active"), None)
    if meter is None and named:
        raise V2Error("archived_meter", "The meter is archived.")
    if meter is None:
        raise V2Error("no_meter", f"No active meter found for event name {given['event_name']}.")
    value, customer = _paid_for(call, meter, given["payload"])
    at = _instant(given.get("timestamp"), call.clock)
    now = datetime.fromtimestamp(call.clock, UTC)
    if not now - _OLDEST <= at <= now + _FARTHEST_AHEAD:
        raise V2Error("timestamp_out_of_range", "The timestamp must be within the past 35 days.")
    identifier = given.get("identifier") or new_id("me")
    known = call.store.get(_KIND, identifier)
    if known is not None and call.clock - known["_received"] < _UNIQUE_FOR:
        message = f"An event already exists with identifier {identifier}."
        raise V2Error("duplicate_meter_event", message)
    lag = call.store.get("standin", _LAG) or {"seconds": 0}
    event = {
        "object": _KIND,
        "created": _text(now),
        "event_name": given["event_name"],
        "identifier": identifier,
        "livemode": False,
        "payload": given["payload"],
        "timestamp": _text(at),
    }
    kept = {
        **event,
        # After 24 hours the same identifier is another event.
        "id": identifier if known is None else new_id("me"),
        "_received": call.clock,
        "_counts_from": call.clock + lag["seconds"],
        "_at": at.timestamp(),
        "_customer": customer,
        "_value": str(value),
    }
    call.store.put(_KIND, kept, parent=meter["id"])
    return event


def _paid_for(call: Call, meter: Json, payload: dict[str, str]) -> tuple[Decimal, str]:
    customer = payload.get(meter["customer_mapping"]["event_payload_key"])
    if not customer or call.store.get("customer", customer) is None:
        raise V2Error("payload_no_customer_defined", "The payload names no customer.")
    value = payload.get(meter["value_settings"]["event_payload_key"])
    if value is None:
        raise V2Error("payload_no_value_defined", "The payload has no value.")
    if not _WHOLE.fullmatch(value):
        raise V2Error("payload_invalid_value", "The value only accepts whole number values.")
    return Decimal(value), customer


def _instant(text: str | None, clock: int) -> datetime:
    if text is None:
        return datetime.fromtimestamp(clock, UTC)
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        raise V2Error("invalid_timestamp", "The timestamp is no date and time.") from None


def _text(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _summaries(call: Call) -> Json:
    meter = call.require("billing.meter", call.path["id"])
    customer = call.require("customer", call.params["customer"], param="customer")["id"]
    start, end = call.params["start_time"], call.params["end_time"]
    window = {"hour": _HOUR, "day": _DAY}.get(call.params.get("value_grouping_window", ""))
    aligned = window or _MINUTE
    for name, at in (("start_time", start), ("end_time", end)):
        if at % aligned:
            raise StripeError(f"Invalid {name}: it must be aligned with the window.", param=name)
    if end <= start:
        raise StripeError("Invalid end_time: it must be after start_time.", param="end_time")
    events = [
        each
        for each in call.store.children(_KIND, meter["id"])
        if each["_customer"] == customer
        and start <= each["_at"] < end
        and each["_counts_from"] <= call.clock
        and not each.get("_refused")
    ]
    steps = [(start, end)] if window is None else [(at, at + window) for at in range(start, end, window)]
    found = [_summary(meter, events, step) for step in reversed(steps)]
    data = [summary for summary in found if summary is not None][: call.params.get("limit", 10)]
    url = f"/v1/billing/meters/{meter['id']}/event_summaries"
    return {"object": "list", "data": data, "has_more": False, "url": url}


def _summary(meter: Json, events: list[Json], step: tuple[int, int]) -> Json | None:
    within = [each for each in events if step[0] <= each["_at"] < step[1]]
    if not within:
        return None
    match meter["default_aggregation"]["formula"]:
        case "count":
            value = Decimal(len(within))
        case "last":
            value = Decimal(max(within, key=lambda each: (each["_at"], each["_received"]))["_value"])
        case _:
            value = sum((Decimal(each["_value"]) for each in within), Decimal(0))
    return {
        "id": new_id("mtrusg"),
        "object": "billing.meter_event_summary",
        "aggregated_value": int(value),
        "end_time": step[1],
        "livemode": False,
        "meter": meter["id"],
        "start_time": step[0],
    }


def _set_lag(call: Call) -> Json:
    call.store.put("standin", {"id": _LAG, "seconds": call.params["seconds"]})
    return {"seconds": call.params["seconds"]}


def _age(call: Call) -> Json:
    """Let so much time pass for the identifiers that were taken."""
    events = call.store.all(_KIND)
    for each in events:
        call.store.put(_KIND, {**each, "_received": each["_received"] - call.params["seconds"]})
    return {"events": len(events)}


def _refuse(call: Call) -> Json:
    """Find out later that an event cannot be counted, and say so in a thin event."""
    refused = call.store.get(_KIND, call.params["identifier"])
    if refused is None:
        raise missing_object("meter event", call.params["identifier"])
    call.store.put(_KIND, {**refused, "_refused": True})
    meter = next(
        each for each in call.store.all("billing.meter") if each["event_name"] == refused["event_name"]
    )
    now = datetime.fromtimestamp(call.clock, UTC)
    count = call.params.get("error_count", 1)
    sample = {"error_message": call.params["message"], "request": {"identifier": refused["identifier"]}}
    error = {"code": call.params["code"], "error_count": count, "sample_errors": [sample]}
    return emit_thin(
        call,
        "v1.billing.meter.error_report_triggered",
        {
            "id": meter["id"],
            "type": "billing.meter",
            "url": f"/v1/billing/meters/{meter['id']}",
        },
        {
            "developer_message_summary": f"There are {count} invalid events",
            "reason": {"error_count": count, "error_types": [error]},
            "validation_start": _text(now - timedelta(seconds=10)),
            "validation_end": _text(now),
        },
    )


_EVENT: dict[str, Param] = {
    "event_name": Text(100),
    "identifier": Text(100),
    "payload": Keyed(),
    "timestamp": Text(),
}

ROUTES = (
    Route("POST", "/v2/billing/meter_events", _send, Shape(_EVENT, ("event_name", "payload"))),
    route(
        "GET",
        "/v1/billing/meters/{id}/event_summaries",
        _summaries,
        {
            "customer": Text(),
            "end_time": Integer(0),
            "limit": Integer(1, 100),
            "start_time": Integer(0),
            "value_grouping_window": Choice(("day", "hour")),
        },
        ("customer", "end_time", "start_time"),
    ),
)

HELPER_ROUTES = (
    route("POST", "/_standin/meter_events/lag", _set_lag, {"seconds": Integer(0)}, ("seconds",)),
    route("POST", "/_standin/meter_events/age", _age, {"seconds": Integer(0)}, ("seconds",)),
    route(
        "POST",
        "/_standin/meter_events/refuse",
        _refuse,
        {"code": Text(), "error_count": Integer(1), "identifier": Text(100), "message": Text()},
        ("code", "identifier", "message"),
    ),
)
