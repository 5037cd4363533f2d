"""How invoices are paid: payment intents, charges, payment methods, refunds, disputes, schedules and meters.

Paying an invoice makes a payment intent, its charge and the invoice payment. The other objects are there as
they were loaded (helpers); this stand-in has no calls that change them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.stripe_standin.call import equal_filters, list_route, new_id, page, range_filters, route
from local.stripe_standin.events import emit
from local.stripe_standin.params import TIME_RANGE, Choice, Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.stripe_standin.call import Call, Route
    from local.stripe_standin.params import Param
    from local.stripe_standin.store import Json

_NOBODY: Json = {
    "address": dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state")),
    "email": None,
    "name": None,
    "phone": None,
    "tax_id": None,
}


def pay(call: Call, invoice: Json) -> None:
    """Collect what the invoice asked for by card: one payment intent, one charge, one invoice payment."""
    intent = _intent(call, invoice)
    emit(call, "payment_intent.created", intent)
    charge = _charge(call, invoice, intent["id"])
    call.store.put("charge", charge)
    emit(call, "charge.succeeded", charge)
    paid = {
        **intent,
        "amount_received": intent["amount"],
        "latest_charge": charge["id"],
        "status": "succeeded",
    }
    call.store.put("payment_intent", paid)
    emit(call, "payment_intent.succeeded", paid)
    payment: Json = {
        "id": new_id("inpay"),
        "object": "invoice_payment",
        "amount_paid": invoice["amount_paid"],
        "amount_requested": invoice["amount_due"],
        "created": call.now,
        "currency": invoice["currency"],
        "invoice": invoice["id"],
        "is_default": True,
        "livemode": False,
        "payment": {"payment_intent": intent["id"], "type": "payment_intent"},
        "status": "paid",
        "status_transitions": {"canceled_at": None, "paid_at": call.now},
    }
    call.store.put("invoice_payment", payment, parent=invoice["id"])
    emit(call, "invoice_payment.paid", payment)


def _intent(call: Call, invoice: Json) -> Json:
    intent_id = new_id("pi")
    return {
        "id": intent_id,
        "object": "payment_intent",
        "amount": invoice["amount_due"],
        "amount_capturable": 0,
        "amount_received": 0,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic",
        "client_secret": f"{intent_id}_secret_{new_id('standin')}",
        "confirmation_method": "automatic",
        "created": call.now,
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "description": f"Payment for {invoice['number']}",
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": {},
        "next_action": None,
        "payment_method": None,
        "payment_method_types": ["card"],
        "receipt_email": None,
        "status": "requires_confirmation",
    }


def _charge(call: Call, invoice: Json, intent: str) -> Json:
    return {
        "id": new_id("ch"),
        "object": "charge",
        "amount": invoice["amount_due"],
        "amount_captured": invoice["amount_due"],
        "amount_refunded": 0,
        "balance_transaction": new_id("txn"),
        "billing_details": _NOBODY,
        "captured": True,
        "created": call.now,
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "description": f"Payment for {invoice['number']}",
        "disputed": False,
        "failure_code": None,
        "failure_message": None,
        "livemode": False,
        "metadata": {},
        "outcome": None,
        "paid": True,
        "payment_intent": intent,
        "payment_method": None,
        "payment_method_details": None,
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "status": "succeeded",
    }


def _kept(kind: str, url: str, filters: Mapping[str, Param], *, dated: bool = True) -> tuple[Route, Route]:
    """Return the two endpoints that show what is kept: the list with its filters, and one by its id."""

    def listed(call: Call) -> Json:
        conditions = [*equal_filters(call, *filters), *range_filters("$.created", call.params.get("created"))]
        return page(call, kind, url, filters=conditions)

    fields = {**filters, "created": TIME_RANGE} if dated else filters
    return (
        list_route(url, listed, fields),
        route("GET", f"{url}/{{id}}", lambda call: call.require(kind, call.path["id"])),
    )


ROUTES = (
    *_kept("payment_intent", "/v1/payment_intents", {"customer": Text()}),
    *_kept("charge", "/v1/charges", {"customer": Text(), "payment_intent": Text()}),
    *_kept(
        "payment_method", "/v1/payment_methods", {"customer": Text(), "type": Choice(("card",))}, dated=False
    ),
    *_kept("refund", "/v1/refunds", {"charge": Text(), "payment_intent": Text()}),
    *_kept("dispute", "/v1/disputes", {"charge": Text(), "payment_intent": Text()}),
    *_kept("subscription_schedule", "/v1/subscription_schedules", {"customer": Text()}),
    *_kept(
        "billing.meter",
        "/v1/billing/meters",
        {"status": Choice(("active", "inactive"))},
        dated=False,
    ),
)
