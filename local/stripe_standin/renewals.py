"""What time does to a subscription: a period ends, and it is renewed or over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.stripe_standin import invoice_lines, invoices, periods, subscription_lifecycle
from local.stripe_standin.call import route
from local.stripe_standin.errors import StripeError
from local.stripe_standin.metered import is_metered

if TYPE_CHECKING:
    from local.stripe_standin.call import Call
    from local.stripe_standin.store import Json


def _renew(call: Call) -> Json:
    """End the period that ends first, and return the subscription as Stripe shows it.

    Time itself stands still: a period may begin that lies ahead. At Stripe the invoice is a draft for an hour
    and charged then; here it stays one until somebody finalizes it.
    """
    before = call.require("subscription", call.path["subscription"])
    if before["status"] != "active" or before["schedule"] is not None:
        raise StripeError("This stand-in of Stripe renews active subscriptions without a schedule only.")
    if before["cancel_at_period_end"]:
        return subscription_lifecycle.cancel(call, before)
    shown = subscription_lifecycle.view(call.store, before)
    items = call.store.children("subscription_item", before["id"])
    end = min(item["current_period_end"] for item in items)
    renewed = [_next(before, item) for item in items if item["current_period_end"] == end]
    for item in renewed:
        call.store.put("subscription_item", item)
    invoice = _invoice(call, before, renewed)
    changed = subscription_lifecycle.change(call, before, {"latest_invoice": invoice["id"]}, shown)
    invoices.created(call, invoice)
    return changed


def _next(subscription: Json, item: Json) -> Json:
    recurring = item["price"]["recurring"]
    start, end = periods.current(
        subscription["billing_cycle_anchor"],
        recurring["interval"],
        recurring["interval_count"],
        item["current_period_end"],
    )
    return {**item, "current_period_start": start, "current_period_end": end}


def _invoice(call: Call, subscription: Json, renewed: list[Json]) -> Json:
    customer = call.require("customer", subscription["customer"])
    given = {
        "collection_method": subscription["collection_method"],
        "default_tax_rates": [rate["id"] for rate in subscription["default_tax_rates"]],
    }
    if subscription["days_until_due"] is not None:
        given["days_until_due"] = subscription["days_until_due"]
    invoice = invoices.new_invoice(
        call,
        customer,
        given,
        currency=subscription["currency"],
        reason="subscription_cycle",
        subscription=subscription["id"],
    )
    for item in renewed:
        if not is_metered(item["price"]):
            invoice_lines.add_subscription_line(call.store, invoice["id"], item)
    return invoice


HELPER_ROUTES = (route("POST", "/_standin/subscriptions/{subscription}/renew", _renew),)
