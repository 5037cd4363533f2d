"""Subscription schedules: of a subscription that is there, or of one that is to begin later.

Time does not act here: no phase begins or ends, so that none is completed, expires or is aborted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.stripe_standin import periods, subscription_lifecycle
from local.stripe_standin.call import kept, new_id, route
from local.stripe_standin.errors import StripeError, missing_param
from local.stripe_standin.events import emit
from local.stripe_standin.params import METADATA, Choice, Integer, ListOf, Shape, Text, merged_metadata

if TYPE_CHECKING:
    from local.stripe_standin.call import Call
    from local.stripe_standin.store import Json


def _create(call: Call) -> Json:
    given = call.params
    if ("from_subscription" in given) == ("customer" in given):
        raise missing_param("customer")
    if "from_subscription" in given:
        return _of_subscription(call)
    customer = call.require("customer", given["customer"], param="customer")
    start = given.get("start_date", call.now)
    if start <= call.now:
        raise StripeError("This stand-in of Stripe starts schedules only later", param="start_date")
    schedule = _new(call, customer["id"], _phases(call, start))
    call.store.put("subscription_schedule", schedule)
    emit(call, "subscription_schedule.created", schedule)
    return schedule


def _of_subscription(call: Call) -> Json:
    if "phases" in call.params:
        raise StripeError("You cannot set phases if from_subscription is set.", param="phases")
    before = call.require("subscription", call.params["from_subscription"], param="from_subscription")
    if before["schedule"] is not None or before["status"] != "active":
        raise StripeError("You cannot migrate a subscription that is already attached to a schedule.")
    items = call.store.children("subscription_item", before["id"])
    start = min(item["current_period_start"] for item in items)
    end = max(item["current_period_end"] for item in items)
    told = [{"price": item["price"]["id"], "quantity": item["quantity"]} for item in items]
    schedule = _new(call, before["customer"], [_phase(before["currency"], start, end, told)]) | {
        "current_phase": {"end_date": end, "start_date": start},
        "status": "active",
        "subscription": before["id"],
    }
    call.store.put("subscription_schedule", schedule)
    emit(call, "subscription_schedule.created", schedule)
    subscription_lifecycle.change(call, before, {"schedule": schedule["id"]})
    return schedule


def _new(call: Call, customer: str, phases: list[Json]) -> Json:
    given = call.params
    return {
        "id": new_id("sub_sched"),
        "object": "subscription_schedule",
        "application": None,
        "billing_mode": {"flexible": {"proration_discounts": "included"}, "type": "flexible"},
        "canceled_at": None,
        "completed_at": None,
        "created": call.now,
        "current_phase": None,
        "customer": customer,
        "customer_account": None,
        "default_settings": {
            "billing_cycle_anchor": "automatic",
            "invoice_settings": {"account_tax_ids": None, "days_until_due": None, "issuer": {"type": "self"}},
        },
        "end_behavior": given.get("end_behavior", "release"),
        "livemode": False,
        "metadata": given.get("metadata") or {},
        "phases": phases,
        "released_at": None,
        "released_subscription": None,
        "status": "not_started",
        "subscription": None,
        "test_clock": None,
    }


def _phases(call: Call, start: int) -> list[Json]:
    """Return the phases of the call, one after the other from `start` on."""
    phases: list[Json] = []
    for index, given in enumerate(call.params.get("phases", [])):
        param = f"phases[{index}]"
        prices = [call.require("price", item["price"], param=param) for item in given["items"]]
        if not prices or any(price["recurring"] is None for price in prices):
            raise StripeError("The prices of a phase must be recurring.", param=param)
        begins = given.get("start_date", start)
        ends = _end(given, begins, prices[0]["recurring"])
        if begins != start or ends <= begins:
            raise StripeError("Phases must follow each other, and end after they start.", param=param)
        items = [
            {"price": price["id"], "quantity": item.get("quantity", 1)}
            for price, item in zip(prices, given["items"], strict=True)
        ]
        phases.append(_phase(prices[0]["currency"], begins, ends, items))
        start = ends
    if not phases:
        raise missing_param("phases")
    return phases


def _end(given: dict[str, Any], start: int, recurring: Json) -> int:
    if "end_date" in given:
        return int(given["end_date"])
    lasts = given.get("duration", recurring)
    return periods.boundary(start, lasts["interval"], lasts.get("interval_count", 1), 1)


def _phase(currency: str, start: int, end: int, items: list[Json]) -> Json:
    return {
        "add_invoice_items": [],
        "collection_method": None,
        "currency": currency,
        "discounts": [],
        "end_date": end,
        "items": [{"discounts": [], "metadata": {}, "tax_rates": [], **item} for item in items],
        "metadata": {},
        "proration_behavior": "create_prorations",
        "start_date": start,
        "trial_end": None,
    }


def _unended(call: Call, *statuses: str) -> Json:
    schedule = call.require("subscription_schedule", call.path["schedule"])
    if schedule["status"] not in statuses:
        raise StripeError(
            f"You cannot change a subscription schedule that is currently in the `{schedule['status']}`"
            f" status. It must be {' or '.join(statuses)}."
        )
    return schedule


def _update(call: Call) -> Json:
    before, given = _unended(call, "active", "not_started"), call.params
    changed = {name: given[name] for name in ("end_behavior",) if name in given}
    after: Json = {
        **before,
        **changed,
        "metadata": merged_metadata(before["metadata"], given.get("metadata", {})),
    }
    if "phases" in given:
        after["phases"] = _phases(call, before["phases"][0]["start_date"])
    if before["current_phase"] is not None and after["phases"] != before["phases"]:
        first = after["phases"][0]
        after["current_phase"] = {"end_date": first["end_date"], "start_date": first["start_date"]}
    if after != before:
        call.store.put("subscription_schedule", after)
        emit(call, "subscription_schedule.updated", after, before=before)
    return after


def _cancel(call: Call) -> Json:
    schedule = _unended(call, "active", "not_started")
    if schedule["subscription"] is None:
        return subscription_lifecycle.end_schedule(call, schedule["id"])
    subscription_lifecycle.cancel(call, call.require("subscription", schedule["subscription"]))
    return call.require("subscription_schedule", schedule["id"])


def _release(call: Call) -> Json:
    before = _unended(call, "active", "not_started")
    released = {
        **before,
        "current_phase": None,
        "released_at": call.now,
        "released_subscription": before["subscription"],
        "status": "released",
        "subscription": None,
    }
    call.store.put("subscription_schedule", released)
    emit(call, "subscription_schedule.released", released, before=before)
    if before["subscription"] is not None:
        subscription = call.require("subscription", before["subscription"])
        subscription_lifecycle.change(call, subscription, {"schedule": None})
    return released


_PHASES = ListOf(
    Shape(
        {
            "duration": Shape(
                {"interval": Choice(("day", "month", "week", "year")), "interval_count": Integer(1)},
                ("interval",),
            ),
            "end_date": Integer(),
            "items": ListOf(Shape({"price": Text(), "quantity": Integer(0)}, ("price",))),
            "start_date": Integer(),
        },
        ("items",),
    )
)
_END = Choice(("cancel", "release"))

ROUTES = (
    route(
        "POST",
        "/v1/subscription_schedules",
        _create,
        {
            "customer": Text(),
            "end_behavior": _END,
            "from_subscription": Text(),
            "metadata": METADATA,
            "phases": _PHASES,
            "start_date": Integer(),
        },
    ),
    *kept("subscription_schedule", "/v1/subscription_schedules", {"customer": Text()}),
    route(
        "POST",
        "/v1/subscription_schedules/{schedule}",
        _update,
        {"end_behavior": _END, "metadata": METADATA, "phases": _PHASES},
    ),
    route("POST", "/v1/subscription_schedules/{schedule}/cancel", _cancel),
    route("POST", "/v1/subscription_schedules/{schedule}/release", _release),
)
