"""Refunds of charges.

Time does not act here: what Stripe's test cards let happen to a refund some time later (it fails, or what was
pending succeeds) happens with its next change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.stripe_standin.call import kept, new_id, route
from local.stripe_standin.errors import StripeError, missing_param
from local.stripe_standin.events import emit
from local.stripe_standin.params import METADATA, Choice, Integer, Text, merged_metadata
from local.stripe_standin.payment_methods import REFUND_FAILS, REFUND_WAITS

if TYPE_CHECKING:
    from local.stripe_standin.call import Call
    from local.stripe_standin.store import Json


def _create(call: Call) -> Json:
    given = call.params
    charge = _charge(call)
    if charge["disputed"]:
        raise StripeError(f"Charge {charge['id']} has been charged back; cannot issue a refund.")
    left = charge["amount"] - charge["amount_refunded"]
    amount = given.get("amount", left)
    if not left:
        raise StripeError(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    if amount > left:
        raise StripeError(
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})", param="amount"
        )
    refund: Json = {
        "id": new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": new_id("txn"),
        "charge": charge["id"],
        "created": call.now,
        "currency": charge["currency"],
        "metadata": given.get("metadata") or {},
        "payment_intent": charge["payment_intent"],
        "reason": given.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "pending" if _card(call, charge) == REFUND_WAITS else "succeeded",
        "transfer_reversal": None,
    }
    call.store.put("refund", refund)
    emit(call, "refund.created", refund)
    given_back = charge["amount_refunded"] + amount
    after = {**charge, "amount_refunded": given_back, "refunded": given_back == charge["amount"]}
    call.store.put("charge", after)
    emit(call, "charge.refunded", after, before=charge)
    return refund


def _charge(call: Call) -> Json:
    if ("charge" in call.params) == ("payment_intent" in call.params):
        raise missing_param("charge")
    if "charge" in call.params:
        return call.require("charge", call.params["charge"], param="charge")
    intent = call.require("payment_intent", call.params["payment_intent"], param="payment_intent")
    return call.require("charge", intent["latest_charge"] or "", param="payment_intent")


def _card(call: Call, charge: Json) -> str | None:
    method = call.store.get("payment_method", charge["payment_method"] or "")
    return None if method is None else str(method["card"]["last4"])


def _update(call: Call) -> Json:
    before = call.require("refund", call.path["refund"])
    refund = {**before, "metadata": merged_metadata(before["metadata"], call.params.get("metadata", {}))}
    card = _card(call, call.require("charge", before["charge"]))
    fails = card == REFUND_FAILS and before["status"] == "succeeded"
    if fails:
        refund |= {
            "failure_balance_transaction": new_id("txn"),
            "failure_reason": "expired_or_canceled_card",
            "status": "failed",
        }
    elif before["status"] == "pending":
        refund["status"] = "succeeded"
    if refund != before:
        call.store.put("refund", refund)
        for event_type in ("refund.updated", "charge.refund.updated"):
            emit(call, event_type, refund, before=before)
        if fails:
            emit(call, "refund.failed", refund)
    return refund


ROUTES = (
    route(
        "POST",
        "/v1/refunds",
        _create,
        {
            "amount": Integer(1),
            "charge": Text(),
            "metadata": METADATA,
            "payment_intent": Text(),
            "reason": Choice(("duplicate", "fraudulent", "requested_by_customer")),
        },
    ),
    *kept("refund", "/v1/refunds", {"charge": Text(), "payment_intent": Text()}),
    route("POST", "/v1/refunds/{refund}", _update, {"metadata": METADATA}),
)
