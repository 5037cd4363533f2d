"""What time does to a subscription: a period ends, and it is renewed or over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.stripe_standin import invoices, periods, subscription_invoices, subscription_lifecycle
from local.stripe_standin.call import route
from local.stripe_standin.errors import StripeError

if TYPE_CHECKING:
    from local.stripe_standin.call import Call
    from local.stripe_standin.store import Json


def renew(call: Call, before: Json) -> Json:
    """End the period that ends first, say so in Events, and return the subscription as Stripe shows it.

    Time itself stands still: a period may begin that lies ahead. At Stripe the invoice is a draft for an hour
    and charged then; here it stays one until somebody finalizes it.
    """
    shown = subscription_lifecycle.view(call.store, before)
    items = call.store.children("subscription_item", before["id"])
    end = min(item["current_period_end"] for item in items)
    renewed = [following(before, item) for item in items if item["current_period_end"] == end]
    for item in renewed:
        call.store.put("subscription_item", item)
    invoice = subscription_invoices.draft(call, before, renewed, "subscription_cycle")
    changed = subscription_lifecycle.change(call, before, {"latest_invoice": invoice["id"]}, shown)
    invoices.created(call, invoice)
    return changed


def following(subscription: Json, item: Json) -> Json:
    """Return the item in the period after its current one."""
    recurring = item["price"]["recurring"]
    start, end = periods.current(
        subscription["billing_cycle_anchor"],
        recurring["interval"],
        recurring["interval_count"],
        item["current_period_end"],
    )
    return {**item, "current_period_start": start, "current_period_end": end}


def _renew(call: Call) -> Json:
    before = call.require("subscription", call.path["subscription"])
    if before["status"] != "active" or before["schedule"] is not None:
        raise StripeError("This stand-in of Stripe renews active subscriptions without a schedule only.")
    if before["cancel_at_period_end"]:
        return subscription_lifecycle.cancel(call, before)
    return renew(call, before)


HELPER_ROUTES = (route("POST", "/_standin/subscriptions/{subscription}/renew", _renew),)
