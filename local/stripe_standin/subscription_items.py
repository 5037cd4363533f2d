"""The items of a subscription: listed, changed with it, and added to one that is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.stripe_standin import coupons, periods, subscription_lifecycle
from local.stripe_standin.call import list_route, new_id, page, route
from local.stripe_standin.errors import StripeError
from local.stripe_standin.metered import is_metered, without_tiers
from local.stripe_standin.params import METADATA, Choice, Integer, Text

if TYPE_CHECKING:
    from local.stripe_standin.call import Call
    from local.stripe_standin.store import Json


def add(call: Call, subscription: Json, price: Json, given: dict[str, Any], *, at: int) -> Json:
    """Keep and return a new item, in the period that holds `at`.

    A metered one has no quantity, because its meter counts it.
    """
    recurring = price["recurring"]
    start, end = periods.current(
        subscription["billing_cycle_anchor"], recurring["interval"], recurring["interval_count"], at
    )
    item: Json = {
        "id": new_id("si"),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": call.now,
        "current_period_end": end,
        "current_period_start": start,
        "discounts": [],
        "metadata": given.get("metadata") or {},
        "price": without_tiers(price),
        "subscription": subscription["id"],
        "tax_rates": [],
    }
    if not is_metered(price):
        item["quantity"] = given.get("quantity", 1)
    elif "quantity" in given:
        raise StripeError("Quantity should not be specified where usage_type is `metered`.", param="quantity")
    item["discounts"] = _discounts(call, subscription, item, given.get("discounts", []))
    call.store.put("subscription_item", item, parent=subscription["id"])
    return item


def change(call: Call, subscription: Json, given: dict[str, Any], name: str) -> None:
    """Keep what is given of an item of the subscription; `name` is that of the parameter."""
    item = call.require("subscription_item", given["id"], param=f"{name}[id]")
    after = {**item, "quantity": given["quantity"]} if "quantity" in given else item
    if "discounts" in given:
        for discount in item["discounts"]:
            coupons.undiscounted(call, discount)
        after = {**after, "discounts": _discounts(call, subscription, item, given["discounts"])}
    call.store.put("subscription_item", after)


def _discounts(call: Call, subscription: Json, item: Json, given: list[dict[str, str]]) -> list[str]:
    customer = subscription["customer"]
    return [str(coupons.discounted(call, each["coupon"], customer, item=item["id"])["id"]) for each in given]


def _create(call: Call) -> Json:
    given = call.params
    subscription = call.require("subscription", given["subscription"], param="subscription")
    price = call.require("price", given["price"], param="price")
    if price["recurring"] is None or price["currency"] != subscription["currency"]:
        raise StripeError("The price of an item must be recurring and of its currency.", param="price")
    if given.get("proration_behavior") != "none":
        raise StripeError("This stand-in of Stripe adds items only with none", param="proration_behavior")
    before = subscription_lifecycle.view(call.store, subscription)
    item = add(call, subscription, price, given, at=call.now)
    subscription_lifecycle.change(call, subscription, {}, before)
    return item


def _list(call: Call) -> Json:
    subscription = call.require("subscription", call.params["subscription"], param="subscription")["id"]
    url = f"/v1/subscription_items?subscription={subscription}"
    return page(call, "subscription_item", url, parent=subscription)


ROUTES = (
    route(
        "POST",
        "/v1/subscription_items",
        _create,
        {
            "discounts": coupons.DISCOUNTS,
            "metadata": METADATA,
            "price": Text(),
            "proration_behavior": Choice(("always_invoice", "create_prorations", "none")),
            "quantity": Integer(0),
            "subscription": Text(),
        },
        ("price", "subscription"),
    ),
    list_route("/v1/subscription_items", _list, {"subscription": Text()}, ("subscription",)),
)
