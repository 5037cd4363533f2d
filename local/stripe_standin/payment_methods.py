"""Payment methods: cards, made of Stripe's test cards as they are attached or first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.stripe_standin.call import kept, new_id, route
from local.stripe_standin.errors import StripeError, missing_object
from local.stripe_standin.events import emit
from local.stripe_standin.params import Choice, Integer, Shape, Text

if TYPE_CHECKING:
    from local.stripe_standin.call import Call
    from local.stripe_standin.store import Json

DISPUTED = "0259"
"""The last digits of the card whose charges are disputed at once."""

REFUND_FAILS, REFUND_WAITS = "5126", "7726"
"""The last digits of the cards whose refunds fail after all, and wait before they succeed."""

DECLINED = frozenset(("0002", "0341"))
"""The last digits of the cards that are declined when they are charged."""

_TEST_CARDS = {
    "pm_card_visa": "4242",
    "pm_card_visa_chargeDeclined": "0002",
    "pm_card_chargeCustomerFail": "0341",
    "pm_card_createDispute": DISPUTED,
    "pm_card_refundFail": REFUND_FAILS,
    "pm_card_pendingRefund": REFUND_WAITS,
}

NOBODY: Json = {
    "address": dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state")),
    "email": None,
    "name": None,
    "phone": None,
    "tax_id": None,
}


def method_of(call: Call, given: str) -> Json:
    """Return the payment method of this id; of a test card a new one, which is nobody's yet."""
    return _new(call, given) if given in _TEST_CARDS else _require(call, given, status=400)


def attach(call: Call, given: str, customer: str) -> Json:
    """Return the payment method, the customer's from now on.

    Raises
    ------
    StripeError
        It was another one's before, or is.
    """
    method = method_of(call, given)
    if given not in _TEST_CARDS:
        if method["customer"] == customer:
            return method
        raise StripeError(
            "This PaymentMethod was previously used without being attached to a Customer or was detached from"
            " a Customer, and may not be used again."
        )
    attached = {**method, "customer": customer}
    call.store.put("payment_method", attached)
    emit(call, "payment_method.attached", attached)
    return attached


def _new(call: Call, card: str) -> Json:
    method: Json = {
        "id": new_id("pm"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": NOBODY,
        "card": {
            "brand": "visa",
            "checks": None,
            "country": "US",
            "exp_month": 12,
            "exp_year": 2034,
            "fingerprint": None,
            "funding": "credit",
            "last4": _TEST_CARDS[card],
        },
        "created": call.now,
        "customer": None,
        "livemode": False,
        "metadata": {},
        "type": "card",
    }
    call.store.put("payment_method", method)
    return method


def _require(call: Call, method_id: str, *, status: int = 404) -> Json:
    found = call.store.get("payment_method", method_id)
    if found is None:
        raise missing_object("PaymentMethod", method_id, param="payment_method", status=status)
    return found


def _attach(call: Call) -> Json:
    customer = call.require("customer", call.params["customer"], param="customer")
    return attach(call, call.path["payment_method"], customer["id"])


def _update(call: Call) -> Json:
    before = _require(call, call.path["payment_method"])
    if before["customer"] is None:
        raise StripeError(
            "You must save this PaymentMethod to a customer before you can update it.",
            param="payment_method",
        )
    method = {**before, "card": {**before["card"], **call.params.get("card", {})}}
    if method != before:
        call.store.put("payment_method", method)
        emit(call, "payment_method.updated", method, before=before)
    return method


def _detach(call: Call) -> Json:
    before = _require(call, call.path["payment_method"])
    if before["customer"] is None:
        raise StripeError(
            "The payment method you provided is not attached to a customer so detachment is impossible.",
            param="payment_method",
        )
    method = {**before, "customer": None}
    call.store.put("payment_method", method)
    emit(call, "payment_method.detached", method, before=before)
    owner = call.store.get("customer", before["customer"]) or {}
    settings = owner.get("invoice_settings", {})
    if settings.get("default_payment_method") == method["id"]:
        customer = {**owner, "invoice_settings": {**settings, "default_payment_method": None}}
        call.store.put("customer", customer)
        emit(call, "customer.updated", customer, before=owner)
    return method


ROUTES = (
    *kept(
        "payment_method", "/v1/payment_methods", {"customer": Text(), "type": Choice(("card",))}, dated=False
    ),
    route(
        "POST",
        "/v1/payment_methods/{payment_method}",
        _update,
        {"card": Shape({"exp_month": Integer(1, 12), "exp_year": Integer(2000)})},
    ),
    route(
        "POST",
        "/v1/payment_methods/{payment_method}/attach",
        _attach,
        {"customer": Text()},
        ("customer",),
    ),
    route("POST", "/v1/payment_methods/{payment_method}/detach", _detach),
)
