"""How invoices are paid: payment intents and charges.

Paying an invoice makes a payment intent, its charge and the invoice payment. The bank disputes the charge of
the test card for that at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.stripe_standin import disputes
from local.stripe_standin.call import kept, new_id
from local.stripe_standin.events import emit
from local.stripe_standin.params import Text
from local.stripe_standin.payment_methods import DISPUTED, NOBODY

if TYPE_CHECKING:
    from local.stripe_standin.call import Call
    from local.stripe_standin.store import Json


def pay(call: Call, invoice: Json, method: Json) -> None:
    """Collect what the invoice asked for by card: one payment intent, one charge, one invoice payment."""
    intent = _intent(call, invoice, method["id"])
    emit(call, "payment_intent.created", intent)
    charge = _charge(call, invoice, intent)
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
    if method["card"]["last4"] == DISPUTED:
        disputes.open_one(call, charge)


def _intent(call: Call, invoice: Json, method: str) -> Json:
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
        "payment_method": method,
        "payment_method_types": ["card"],
        "receipt_email": None,
        "status": "requires_confirmation",
    }


def _charge(call: Call, invoice: Json, intent: Json) -> Json:
    return {
        "id": new_id("ch"),
        "object": "charge",
        "amount": invoice["amount_due"],
        "amount_captured": invoice["amount_due"],
        "amount_refunded": 0,
        "balance_transaction": new_id("txn"),
        "billing_details": NOBODY,
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
        "payment_intent": intent["id"],
        "payment_method": intent["payment_method"],
        "payment_method_details": {"type": "card"},
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "status": "succeeded",
    }


ROUTES = (
    *kept("payment_intent", "/v1/payment_intents", {"customer": Text()}),
    *kept("charge", "/v1/charges", {"customer": Text(), "payment_intent": Text()}),
)
