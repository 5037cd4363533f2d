"""Subscriptions and their items."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.stripe_standin import (
    coupons,
    invoice_lifecycle,
    invoices,
    subscription_invoices,
    subscription_items,
    subscription_lifecycle,
)
from local.stripe_standin.blank import blank_subscription
from local.stripe_standin.call import (
    equal_filters,
    list_route,
    new_id,
    page,
    range_filters,
    route,
)
from local.stripe_standin.errors import StripeError, missing_param
from local.stripe_standin.events import emit
from local.stripe_standin.params import (
    METADATA,
    TIME_RANGE,
    Boolean,
    Choice,
    Integer,
    ListOf,
    Shape,
    Text,
    merged_metadata,
)
from local.stripe_standin.store import Filter

if TYPE_CHECKING:
    from local.stripe_standin.call import (
        Call,
    )
    from local.stripe_standin.params import (
        Param,
    )
    from local.stripe_standin.store import Json

_STATUSES = ("active", "all", "canceled", "ended", "incomplete", "past_due", "paused", "trialing", "unpaid")


def _create(call: Call) -> Json:
    given = call.params
    customer = call.require("customer", given["customer"], param="customer")
    prices = [
        call.require("price", item["price"], param=f"items[{index}][price]")
        for index, item in enumerate(given["items"])
    ]
    if not prices:
        raise missing_param("items")
    for index, price in enumerate(prices):
        if price["recurring"] is None or price["currency"] != prices[0]["currency"]:
            raise StripeError(
                "The prices of a subscription must be recurring and of one currency.",
                param=f"items[{index}][price]",
            )
    start = given.get("backdate_start_date", call.now)
    method = given.get("collection_method", "charge_automatically")
    if method == "send_invoice" and "days_until_due" not in given:
        raise missing_param("days_until_due")
    subscription = blank_subscription(new_id("sub"), customer["id"], prices[0]["currency"], call.now) | {
        "billing_cycle_anchor": start,
        "collection_method": method,
        "days_until_due": given.get("days_until_due"),
        "default_tax_rates": [
            call.require("tax_rate", rate, param="default_tax_rates")
            for rate in given.get("default_tax_rates", [])
        ],
        "description": given.get("description"),
        "metadata": merged_metadata({}, given.get("metadata", {})),
        "start_date": start,
    }
    subscription["discounts"] = [
        coupons.discounted(call, entry["coupon"], customer["id"], subscription["id"])["id"]
        for entry in given.get("discounts", [])
    ]
    items = [
        subscription_items.add(call, subscription, price, item, at=call.now)
        for price, item in zip(prices, given["items"], strict=True)
    ]
    invoice = subscription_invoices.draft(call, subscription, items, "subscription_create")
    subscription["latest_invoice"] = invoice["id"]
    call.store.put("subscription", subscription)
    emit(call, "customer.subscription.created", subscription_lifecycle.view(call.store, subscription))
    invoices.created(call, invoice)
    if method == "charge_automatically":
        # Stripe makes no subscription whose first charge cannot be tried; raising undoes it all.
        opened = invoice_lifecycle.finalize(call, call.require("invoice", invoice["id"]))
        if opened["status"] != "paid":
            _first_charge(call, opened)
    return subscription_lifecycle.view(call.store, subscription)


def _first_charge(call: Call, invoice: Json) -> None:
    try:
        invoice_lifecycle.charge(call, invoice)
    except StripeError as error:
        error.keep = False
        raise


def _retrieve(call: Call) -> Json:
    return subscription_lifecycle.view(call.store, call.require("subscription", call.path["subscription"]))


def _update(call: Call) -> Json:
    given = call.params
    before = call.require("subscription", call.path["subscription"])
    if before["status"] == "canceled" and given.keys() - {"metadata"}:
        raise StripeError("A canceled subscription can only update its metadata.")
    shown_before = subscription_lifecycle.view(call.store, before)
    changed = {key: given[key] for key in ("days_until_due", "description") if key in given}
    after: Json = before | changed
    if "metadata" in given:
        after["metadata"] = merged_metadata(before["metadata"], given["metadata"])
    if "discounts" in given:
        after["discounts"] = subscription_lifecycle.rediscounted(call, before, given["discounts"])
    if "cancel_at_period_end" in given:
        if before["schedule"] is not None:
            raise StripeError(
                f"The subscription is managed by the subscription schedule `{before['schedule']}`, and"
                " updating any cancelation behavior directly is not allowed. Please update the schedule"
                " instead."
            )
        ends = max(item["current_period_end"] for item in shown_before["items"]["data"])
        leaving = given["cancel_at_period_end"]
        after["cancel_at_period_end"] = leaving
        after["cancel_at"] = ends if leaving else None
        after["canceled_at"] = call.now if leaving else None
        after["cancellation_details"] = {
            **before["cancellation_details"],
            "reason": "cancellation_requested" if leaving else None,
        }
    for index, change in enumerate(given.get("items", [])):
        subscription_items.change(call, before, change, f"items[{index}]")
    if given.get("items") and given.get("proration_behavior") != "none":
        raise StripeError("This stand-in of Stripe changes items only with none", param="proration_behavior")
    return subscription_lifecycle.change(call, after, {}, shown_before)


def _list(call: Call) -> Json:
    filters = [
        *equal_filters(call, "customer", "collection_method"),
        *range_filters("$.created", call.params.get("created")),
    ]
    status = call.params.get("status")
    if status in {"canceled", "ended"}:
        filters.append(Filter("$.status", "canceled"))
    elif status is None:
        filters.append(Filter("$.ended_at", None))
    elif status != "all":
        filters.append(Filter("$.status", status))
    return page(
        call,
        "subscription",
        "/v1/subscriptions",
        filters=filters,
        view=lambda subscription: subscription_lifecycle.view(call.store, subscription),
    )


_COLLECTION = Choice(("charge_automatically", "send_invoice"))
_ITEM: dict[str, Param] = {"discounts": coupons.DISCOUNTS, "quantity": Integer(0)}
_UPDATE: dict[str, Param] = {
    "cancel_at_period_end": Boolean(),
    "days_until_due": Integer(0),
    "description": Text(500),
    "discounts": coupons.DISCOUNTS,
    "items": ListOf(Shape({**_ITEM, "id": Text()}, ("id",))),
    "metadata": METADATA,
    "proration_behavior": Choice(("always_invoice", "create_prorations", "none")),
}

ROUTES = (
    route(
        "POST",
        "/v1/subscriptions",
        _create,
        {
            "backdate_start_date": Integer(0),
            "collection_method": _COLLECTION,
            "customer": Text(),
            "days_until_due": Integer(0),
            "default_tax_rates": ListOf(Text()),
            "description": Text(500),
            "discounts": coupons.DISCOUNTS,
            "items": ListOf(Shape({**_ITEM, "metadata": METADATA, "price": Text()}, ("price",))),
            "metadata": METADATA,
            "proration_behavior": Choice(("always_invoice", "create_prorations", "none")),
        },
        ("customer", "items"),
    ),
    list_route(
        "/v1/subscriptions",
        _list,
        {
            "collection_method": _COLLECTION,
            "created": TIME_RANGE,
            "customer": Text(),
            "status": Choice(_STATUSES),
        },
    ),
    route("GET", "/v1/subscriptions/{subscription}", _retrieve),
    route("POST", "/v1/subscriptions/{subscription}", _update, _UPDATE),
)
