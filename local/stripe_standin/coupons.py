"""Coupons, and the discounts that they are to customers, subscriptions, items; of invoices: invoices.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.stripe_standin.call import kept, new_id, route, untaken
from local.stripe_standin.errors import StripeError, missing_param
from local.stripe_standin.events import emit
from local.stripe_standin.params import CURRENCY, METADATA, Choice, Integer, ListOf, Number, Shape, Text

if TYPE_CHECKING:
    from local.stripe_standin.call import Call
    from local.stripe_standin.store import Json

DISCOUNTS = ListOf(Shape({"coupon": Text()}, ("coupon",)))
"""The coupons that a subscription or an item is to have, in place of those that it has."""


def _create(call: Call) -> Json:
    given = call.params
    if ("percent_off" in given) == ("amount_off" in given):
        raise missing_param("percent_off")
    if "amount_off" in given and "currency" not in given:
        raise missing_param("currency")
    coupon: Json = {
        "id": untaken(call, "coupon", given.get("id") or new_id("coupon")),
        "object": "coupon",
        "amount_off": given.get("amount_off"),
        "created": call.now,
        "currency": given.get("currency"),
        "duration": given.get("duration", "once"),
        "duration_in_months": given.get("duration_in_months"),
        "livemode": False,
        "max_redemptions": None,
        "metadata": given.get("metadata") or {},
        "name": given.get("name"),
        "percent_off": float(given["percent_off"]) if "percent_off" in given else None,
        "redeem_by": None,
        "times_redeemed": 0,
        "valid": True,
    }
    call.store.put("coupon", coupon)
    emit(call, "coupon.created", coupon)
    return coupon


def _update(call: Call) -> Json:
    before = call.require("coupon", call.path["coupon"])
    coupon = {**before, "name": call.params.get("name", before["name"])}
    if coupon != before:
        call.store.put("coupon", coupon)
        emit(call, "coupon.updated", coupon, before=before)
    return coupon


def _delete(call: Call) -> Json:
    coupon = call.require("coupon", call.path["coupon"])
    call.store.delete("coupon", coupon["id"])
    emit(call, "coupon.deleted", coupon)
    return {"id": coupon["id"], "object": "coupon", "deleted": True}


def discounted(
    call: Call, coupon_id: str, customer: str, subscription: str | None = None, item: str | None = None
) -> Json:
    """Make, keep and return the discount that a coupon is to a customer, a subscription of it or an item."""
    coupon = call.require("coupon", coupon_id, param="coupon")
    discount: Json = {
        "id": new_id("di"),
        "object": "discount",
        "checkout_session": None,
        "customer": customer,
        "customer_account": None,
        "end": None,
        "invoice": None,
        "invoice_item": None,
        "promotion_code": None,
        "source": {"coupon": coupon["id"], "type": "coupon"},
        "start": call.now,
        "subscription": subscription,
        "subscription_item": item,
    }
    call.store.put("discount", discount)
    call.store.put("coupon", {**coupon, "times_redeemed": coupon["times_redeemed"] + 1})
    emit(call, "customer.discount.created", discount)
    return discount


def undiscounted(call: Call, discount_id: str) -> Json:
    """Remove a discount, and return what Stripe shows of a removed one."""
    discount = call.require("discount", discount_id)
    call.store.delete("discount", discount_id)
    emit(call, "customer.discount.deleted", discount)
    return {**{name: value for name, value in discount.items() if name != "end"}, "deleted": True}


def _discount_customer(call: Call) -> Json:
    before = call.require("customer", call.path["customer"])
    if before["discount"] is not None:
        undiscounted(call, before["discount"]["id"])
    discount = discounted(call, call.params["coupon"], before["id"])
    customer = {**before, "discount": discount}
    call.store.put("customer", customer)
    emit(call, "customer.updated", customer, before=before)
    return customer


def _undiscount_customer(call: Call) -> Json:
    before = call.require("customer", call.path["customer"])
    if before["discount"] is None:
        raise no_discount("customer", before["id"])
    gone = undiscounted(call, before["discount"]["id"])
    customer = {**before, "discount": None}
    call.store.put("customer", customer)
    emit(call, "customer.updated", customer, before=before)
    return gone


def no_discount(kind: str, object_id: str) -> StripeError:
    """Return Stripe's answer where there is no discount to remove."""
    return StripeError(f"No active discount for {kind}: {object_id}", status=404, code="resource_missing")


ROUTES = (
    route(
        "POST",
        "/v1/coupons",
        _create,
        {
            "amount_off": Integer(1),
            "currency": CURRENCY,
            "duration": Choice(("forever", "once", "repeating")),
            "duration_in_months": Integer(1),
            "id": Text(),
            "metadata": METADATA,
            "name": Text(40),
            "percent_off": Number(),
        },
    ),
    *kept("coupon", "/v1/coupons", {}),
    route("POST", "/v1/coupons/{coupon}", _update, {"name": Text(40)}),
    route("DELETE", "/v1/coupons/{coupon}", _delete),
    route("DELETE", "/v1/customers/{customer}/discount", _undiscount_customer),
)

HELPER_ROUTES = (
    # The API of this version gives no coupon to a customer; Stripe's dashboard does.
    route(
        "POST",
        "/_standin/customers/{customer}/discount",
        _discount_customer,
        {"coupon": Text()},
        ("coupon",),
    ),
)
