"""What happens to a subscription that is there: changed, discounted, scheduled, cancelled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from local.stripe_standin import coupons
from local.stripe_standin.call import embedded_list, route
from local.stripe_standin.errors import StripeError
from local.stripe_standin.events import emit

if TYPE_CHECKING:
    from local.stripe_standin.call import Call
    from local.stripe_standin.store import Json, Store


def view(store: Store, subscription: Json) -> Json:
    """Return the subscription as Stripe shows it: with its items embedded."""
    items = store.children("subscription_item", subscription["id"])
    url = f"/v1/subscription_items?subscription={subscription['id']}"
    return {**subscription, "items": embedded_list(items, url)}


def change(call: Call, subscription: Json, changes: Json, shown_before: Json | None = None) -> Json:
    """Keep the changed subscription, say so in an Event if it differs, and return it as Stripe shows it.

    `shown_before` is how Stripe showed it, if not as `subscription` is.
    """
    before = shown_before or view(call.store, subscription)
    after: Json = {**subscription, **changes}
    call.store.put("subscription", after)
    shown = view(call.store, after)
    if shown != before:
        emit(call, "customer.subscription.updated", shown, before=before)
    return shown


def rediscounted(call: Call, subscription: Json, given: list[dict[str, str]]) -> list[str]:
    """Return the ids of the discounts that take the place of those that there were."""
    for discount in subscription["discounts"]:
        coupons.undiscounted(call, discount)
    customer, owner = subscription["customer"], subscription["id"]
    return [str(coupons.discounted(call, entry["coupon"], customer, owner)["id"]) for entry in given]


def _undiscount(call: Call) -> Json:
    subscription = call.require("subscription", call.path["subscription"])
    if not subscription["discounts"]:
        raise coupons.no_discount("subscription", subscription["id"])
    gone = [coupons.undiscounted(call, discount) for discount in subscription["discounts"]]
    change(call, subscription, {"discounts": []})
    return gone[0]


def scheduled(call: Call, schedule: Json, subscription: Json) -> Json:
    """Return what an active schedule sets of its subscription: itself, and when the subscription is to end.

    As at Stripe that is set only when the last phase has begun, of a schedule that cancels at its end.
    """
    end, last = schedule["current_phase"]["end_date"], schedule["phases"][-1]["end_date"]
    if schedule["end_behavior"] != "cancel" or end != last:
        return {"schedule": schedule["id"], "cancel_at": None, "canceled_at": None}
    decided = subscription["canceled_at"] or call.now
    return {"schedule": schedule["id"], "cancel_at": end, "canceled_at": decided}


def end_schedule(call: Call, schedule_id: str, status: Literal["canceled", "completed"]) -> Json:
    """End a schedule, say so in an Event, and return it."""
    before = call.require("subscription_schedule", schedule_id)
    ended = {**before, f"{status}_at": call.now, "current_phase": None, "status": status}
    call.store.put("subscription_schedule", ended)
    emit(call, f"subscription_schedule.{status}", ended, before=before)
    return ended


def release_schedule(call: Call, before: Json) -> Json:
    """End a schedule without its subscription, which goes on; say so in Events, and return the schedule."""
    released: Json = {
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
        change(call, subscription, {"schedule": None, "cancel_at": None, "canceled_at": None})
    return released


def cancel(
    call: Call, subscription: Json, *, schedule_is: Literal["canceled", "completed"] = "canceled"
) -> Json:
    """End the subscription and its schedule now, without proration, and say so in Events.

    Return the subscription as Stripe shows it.
    """
    details = {**subscription["cancellation_details"], "reason": "cancellation_requested"}
    ended = {
        **subscription,
        "status": "canceled",
        "cancel_at_period_end": False,
        "canceled_at": subscription["canceled_at"] or call.now,
        "ended_at": call.now,
        "cancellation_details": details,
    }
    call.store.put("subscription", ended)
    shown = view(call.store, ended)
    emit(call, "customer.subscription.deleted", shown)
    if subscription["schedule"] is not None:
        end_schedule(call, subscription["schedule"], schedule_is)
    return shown


def _cancel(call: Call) -> Json:
    subscription = call.require("subscription", call.path["subscription"])
    if subscription["status"] == "canceled":
        raise StripeError(
            f"No such subscription: '{subscription['id']}'", status=404, code="resource_missing", param="id"
        )
    return cancel(call, subscription)


ROUTES = (
    route("DELETE", "/v1/subscriptions/{subscription}", _cancel),
    route("DELETE", "/v1/subscriptions/{subscription}/discount", _undiscount),
)
