"""What time does to a subscription schedule: it begins, goes from phase to phase, and ends.

Written after Stripe's guide (docs.stripe.com/billing/subscriptions/subscription-schedules) and its words for
the types of events (docs.stripe.com/api/events/types):

- A schedule that begins makes a subscription, whose first invoice is a draft: it "behaves like a recurring
  invoice and isn't immediately finalized".
- A phase that begins sets the items of the subscription. An item whose price is in both phases stays.
- The last phase ends as `end_behavior` says. After `release` the status is `released`, not `completed`, and
  the event `subscription_schedule.released`: the schedule that supabase/stripe-sync-engine recorded for its
  tests was released at the end of its last phase, and has no `completed_at`. After `cancel` it is
  `completed`, and so is the event: no text of Stripe's that was found says so, but no other way to complete
  one is left.
- `subscription_schedule.expiring` comes seven days before the end.

Left out: `subscription_schedule.aborted`, because no subscription ends here for what is not paid; and
prorations, so that a phase that would make some is refused. What happens tells the time of the call, what is
planned (periods, anchors, phases) the time that it is planned for, as in `renewals.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.stripe_standin import (
    invoices,
    renewals,
    schedules,
    subscription_invoices,
    subscription_items,
    subscription_lifecycle,
)
from local.stripe_standin.blank import blank_subscription
from local.stripe_standin.call import new_id, route
from local.stripe_standin.errors import StripeError
from local.stripe_standin.events import emit

if TYPE_CHECKING:
    from local.stripe_standin.call import Call
    from local.stripe_standin.store import Json

_NOTICE = 604_800
"""Seconds before its end at which Stripe tells that a schedule will expire."""


def _advance(call: Call) -> Json:
    """Let time pass until the schedule begins, or until its current phase ends, and return the schedule.

    The periods that end on the way are renewed. One that ends with the last phase of a released schedule is
    left for who renews the subscription next.
    """
    schedule = schedules.unended(call, "active", "not_started")
    if schedule["status"] == "not_started":
        return _begin(call, schedule)
    subscription = _renewed(call, schedule)
    for phase in schedule["phases"]:
        if phase["start_date"] == schedule["current_phase"]["end_date"]:
            return _enter(call, schedule, subscription, phase)
    return _end(call, schedule, subscription)


def _begin(call: Call, schedule: Json) -> Json:
    phase = schedule["phases"][0]
    blank = blank_subscription(new_id("sub"), schedule["customer"], phase["currency"], call.now)
    begun = {
        **schedule,
        "current_phase": schedules.span(phase),
        "status": "active",
        "subscription": blank["id"],
    }
    subscription: Json = {
        **blank,
        "billing_cycle_anchor": phase["start_date"],
        "start_date": phase["start_date"],
        **subscription_lifecycle.scheduled(call, begun, blank),
    }
    items = [_added(call, subscription, phase, planned) for planned in phase["items"]]
    invoice = subscription_invoices.draft(call, subscription, items, "subscription_create")
    subscription["latest_invoice"] = invoice["id"]
    call.store.put("subscription", subscription)
    emit(call, "customer.subscription.created", subscription_lifecycle.view(call.store, subscription))
    invoices.created(call, invoice)
    return _keep(call, schedule, begun)


def _renewed(call: Call, schedule: Json) -> Json:
    """Renew what ends before the current phase does, and return the subscription."""
    end = schedule["current_phase"]["end_date"]
    while True:
        subscription = call.require("subscription", schedule["subscription"])
        items = call.store.children("subscription_item", subscription["id"])
        if min(item["current_period_end"] for item in items) >= end:
            return subscription
        renewals.renew(call, subscription)


def _enter(call: Call, schedule: Json, subscription: Json, phase: Json) -> Json:
    entered = {**schedule, "current_phase": schedules.span(phase)}
    shown = subscription_lifecycle.view(call.store, subscription)
    changes = subscription_lifecycle.scheduled(call, entered, subscription)
    items = _exchange(call, subscription, phase)
    billed = [item for item in items if item["current_period_start"] == phase["start_date"]]
    invoice = None
    if billed:
        invoice = subscription_invoices.draft(call, subscription, billed, "subscription_cycle")
        changes["latest_invoice"] = invoice["id"]
    subscription_lifecycle.change(call, subscription, changes, shown)
    if invoice is not None:
        invoices.created(call, invoice)
    return _keep(call, schedule, entered)


def _exchange(call: Call, subscription: Json, phase: Json) -> list[Json]:
    """Make the items those of the phase, and return them; what ends with the phase before goes on."""
    start = phase["start_date"]
    planned = {each["price"]: each for each in phase["items"]}
    items, changed = [], []
    for item in call.store.children("subscription_item", subscription["id"]):
        told = planned.pop(item["price"]["id"], None)
        if told is None or told.get("quantity") != item.get("quantity"):
            changed.append(item)
        if told is None:
            call.store.delete("subscription_item", item["id"])
            continue
        going_on = renewals.following(subscription, item) if item["current_period_end"] == start else item
        after: Json = {**going_on, **({"quantity": told["quantity"]} if "quantity" in told else {})}
        call.store.put("subscription_item", after)
        items.append(after)
    added = [_added(call, subscription, phase, told) for told in planned.values()]
    within = [
        item
        for item in (*changed, *added)
        if item["current_period_start"] < start < item["current_period_end"]
    ]
    if within and phase["proration_behavior"] != "none":
        raise StripeError(
            "This stand-in of Stripe changes items within a period only with a proration_behavior of none."
        )
    return [*items, *added]


def _added(call: Call, subscription: Json, phase: Json, planned: Json) -> Json:
    price = call.require("price", planned["price"], param="price")
    given = {"quantity": planned["quantity"]} if "quantity" in planned else {}
    return subscription_items.add(call, subscription, price, given, at=phase["start_date"])


def _end(call: Call, schedule: Json, subscription: Json) -> Json:
    last = schedule["current_phase"]
    if last["start_date"] <= last["end_date"] - _NOTICE:
        emit(call, "subscription_schedule.expiring", schedule)
    if schedule["end_behavior"] == "release":
        return subscription_lifecycle.release_schedule(call, schedule)
    subscription_lifecycle.cancel(call, subscription, schedule_is="completed")
    return call.require("subscription_schedule", schedule["id"])


def _keep(call: Call, before: Json, after: Json) -> Json:
    call.store.put("subscription_schedule", after)
    emit(call, "subscription_schedule.updated", after, before=before)
    return after


HELPER_ROUTES = (route("POST", "/_standin/subscription_schedules/{schedule}/advance", _advance),)
"""What Stripe does to a schedule when its time has come."""
