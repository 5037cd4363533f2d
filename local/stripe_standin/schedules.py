"""Subscription schedules: of a subscription that is there, or of one that is to begin later.

What time does to them is in `phases.py`. A change of the current phase leaves the items of the
subscription as they are, which Stripe would change with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.stripe_standin import periods, subscription_lifecycle
from local.stripe_standin.call import kept, new_id, route
from local.stripe_standin.errors import StripeError, missing_param
from local.stripe_standin.events import emit
from local.stripe_standin.metered import is_metered
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
    if before["cancel_at_period_end"]:
        raise StripeError("This stand-in of Stripe makes no schedule of a subscription that is about to end.")
    items = call.store.children("subscription_item", before["id"])
    start = min(item["current_period_start"] for item in items)
    end = max(item["current_period_end"] for item in items)
    told = [_item(item["price"], item) for item in items]
    phase = _phase(before["currency"], start, end, told)
    schedule = _new(call, before["customer"], [phase]) | {
        "current_phase": span(phase),
        "status": "active",
        "subscription": before["id"],
    }
    call.store.put("subscription_schedule", schedule)
    emit(call, "subscription_schedule.created", schedule)
    subscription_lifecycle.change(call, before, subscription_lifecycle.scheduled(call, schedule, before))
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


def _phases(call: Call, start: int, currency: str | None = None) -> list[Json]:
    """Return the phases of the call, one after the other from `start` on, in the currency if one is given."""
    phases: list[Json] = []
    for index, given in enumerate(call.params.get("phases", [])):
        param = f"phases[{index}]"
        prices = [call.require("price", item["price"], param=param) for item in given["items"]]
        if not prices or any(price["recurring"] is None for price in prices):
            raise StripeError("The prices of a phase must be recurring.", param=param)
        if len({price["id"] for price in prices}) < len(prices):
            raise StripeError("A phase can have a price only once.", param=param)
        if {price["currency"] for price in prices} != {currency or prices[0]["currency"]}:
            raise StripeError("The prices of all phases must be of one currency.", param=param)
        currency = prices[0]["currency"]
        begins = given.get("start_date", start)
        ends = _end(given, begins, prices[0]["recurring"])
        if begins != start or ends <= begins:
            raise StripeError("Phases must follow each other, and end after they start.", param=param)
        items = [_item(price, item) for price, item in zip(prices, given["items"], strict=True)]
        prorated = given.get("proration_behavior", "create_prorations")
        phases.append({**_phase(currency, begins, ends, items), "proration_behavior": prorated})
        start = ends
    if not phases:
        raise missing_param("phases")
    return phases


def _end(given: dict[str, Any], start: int, recurring: Json) -> int:
    if "end_date" in given:
        return int(given["end_date"])
    lasts = given.get("duration", recurring)
    return periods.boundary(start, lasts["interval"], lasts.get("interval_count", 1), 1)


def _item(price: Json, given: dict[str, Any]) -> Json:
    """Return an item of a phase; a metered one has no quantity."""
    return {"price": price["id"]} | ({} if is_metered(price) else {"quantity": given.get("quantity", 1)})


def span(phase: Json) -> Json:
    """Return a phase as its schedule's current one."""
    return {"end_date": phase["end_date"], "start_date": phase["start_date"]}


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


def unended(call: Call, *statuses: str) -> Json:
    """Return the schedule of the call, refused unless it is in one of the statuses."""
    schedule = call.require("subscription_schedule", call.path["schedule"])
    if schedule["status"] not in statuses:
        raise StripeError(
            f"You cannot change a subscription schedule that is currently in the `{schedule['status']}`"
            f" status. It must be {' or '.join(statuses)}."
        )
    return schedule


def _update(call: Call) -> Json:
    before, given = unended(call, "active", "not_started"), call.params
    changed = {name: given[name] for name in ("end_behavior",) if name in given}
    after: Json = {
        **before,
        **changed,
        "metadata": merged_metadata(before["metadata"], given.get("metadata", {})),
    }
    if "phases" in given:
        after |= _replanned(call, before)
    if after != before:
        call.store.put("subscription_schedule", after)
        emit(call, "subscription_schedule.updated", after, before=before)
        if after["subscription"] is not None:
            subscription = call.require("subscription", after["subscription"])
            changes = subscription_lifecycle.scheduled(call, after, subscription)
            subscription_lifecycle.change(call, subscription, changes)
    return after


def _replanned(call: Call, schedule: Json) -> Json:
    """Return what the phases of the call, the current one first, change; those that are over stay."""
    current, first = schedule["current_phase"], schedule["phases"][0]
    start = first["start_date"] if current is None else current["start_date"]
    phases = _phases(call, start, first["currency"])
    if current is None:
        return {"phases": phases}
    items = call.store.children("subscription_item", schedule["subscription"])
    if phases[0]["end_date"] <= max(item["current_period_start"] for item in items):
        raise StripeError("The current phase cannot end in a period that is over.", param="phases[0]")
    over = [phase for phase in schedule["phases"] if phase["end_date"] <= start]
    return {"current_phase": span(phases[0]), "phases": [*over, *phases]}


def _cancel(call: Call) -> Json:
    schedule = unended(call, "active", "not_started")
    if schedule["subscription"] is None:
        return subscription_lifecycle.end_schedule(call, schedule["id"], "canceled")
    subscription_lifecycle.cancel(call, call.require("subscription", schedule["subscription"]))
    return call.require("subscription_schedule", schedule["id"])


def _release(call: Call) -> Json:
    return subscription_lifecycle.release_schedule(call, unended(call, "active", "not_started"))


_PHASES = ListOf(
    Shape(
        {
            "duration": Shape(
                {"interval": Choice(("day", "month", "week", "year")), "interval_count": Integer(1)},
                ("interval",),
            ),
            "end_date": Integer(),
            "items": ListOf(Shape({"price": Text(), "quantity": Integer(0)}, ("price",))),
            "proration_behavior": Choice(("always_invoice", "create_prorations", "none")),
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
