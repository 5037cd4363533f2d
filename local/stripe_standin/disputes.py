"""Disputes, which begin as they do in Stripe's test mode: with the charge of the card pm_card_createDispute.

Evidence with the text `winning_evidence` or `losing_evidence` ends one, as it does there, at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.stripe_standin.call import kept, new_id, route
from local.stripe_standin.errors import StripeError
from local.stripe_standin.events import emit
from local.stripe_standin.params import METADATA, Boolean, Shape, Text, merged_metadata

if TYPE_CHECKING:
    from local.stripe_standin.call import Call
    from local.stripe_standin.store import Json

_WEEK = 604_800
_FEE = 1500
_VERDICTS = {"winning_evidence": "won", "losing_evidence": "lost"}


def open_one(call: Call, charge: Json) -> None:
    """Let the bank dispute the whole charge, and take it back with a fee."""
    call.store.put("charge", {**charge, "disputed": True})
    dispute: Json = {
        "id": new_id("du"),
        "object": "dispute",
        "amount": charge["amount"],
        "balance_transactions": [],
        "charge": charge["id"],
        "created": call.now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {"enhanced_evidence": {}},
        "evidence_details": {
            "due_by": call.now + _WEEK,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "reason": "fraudulent",
        "status": "needs_response",
    }
    call.store.put("dispute", dispute)
    emit(call, "charge.dispute.created", dispute)
    _move(call, dispute, -charge["amount"], "charge.dispute.funds_withdrawn", fee=_FEE)


def _move(call: Call, dispute: Json, amount: int, event_type: str, *, fee: int = 0) -> Json:
    """Move money between the bank and the seller, say so in an Event, and return the dispute then."""
    moved = {
        "id": new_id("txn"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": call.now,
        "balance_type": "payments",
        "created": call.now,
        "currency": dispute["currency"],
        "description": None,
        "exchange_rate": None,
        "fee": fee,
        "fee_details": [],
        "net": amount - fee,
        "reporting_category": "dispute",
        "source": dispute["id"],
        "status": "available",
        "type": "adjustment",
    }
    after = {**dispute, "balance_transactions": [*dispute["balance_transactions"], moved]}
    call.store.put("dispute", after)
    emit(call, event_type, after)
    return after


def _undecided(call: Call) -> Json:
    dispute = call.require("dispute", call.path["dispute"])
    if dispute["status"] in {"won", "lost"}:
        raise StripeError("This dispute is already closed")
    return dispute


def _update(call: Call) -> Json:
    before, given = _undecided(call), call.params
    dispute = {**before, "metadata": merged_metadata(before["metadata"], given.get("metadata", {}))}
    if "evidence" in given:
        details = before["evidence_details"]
        sent = given.get("submit", True)
        dispute |= {
            "evidence": {**before["evidence"], **given["evidence"]},
            "evidence_details": {
                **details,
                "has_evidence": True,
                "submission_count": details["submission_count"] + sent,
            },
            "status": "under_review" if sent else before["status"],
        }
    if dispute == before:
        return dispute
    call.store.put("dispute", dispute)
    emit(call, "charge.dispute.updated", dispute, before=before)
    verdict = _VERDICTS.get(given.get("evidence", {}).get("uncategorized_text"))
    if verdict is None or dispute["status"] != "under_review":
        return dispute
    return _close(call, dispute, verdict)


def _close(call: Call, dispute: Json, verdict: str) -> Json:
    closed = {**dispute, "status": verdict}
    call.store.put("dispute", closed)
    if verdict == "won":
        closed = _move(call, closed, dispute["amount"], "charge.dispute.funds_reinstated")
    emit(call, "charge.dispute.closed", closed)
    return closed


ROUTES = (
    *kept("dispute", "/v1/disputes", {"charge": Text(), "payment_intent": Text()}),
    route(
        "POST",
        "/v1/disputes/{dispute}",
        _update,
        {
            "evidence": Shape({"uncategorized_text": Text()}),
            "metadata": METADATA,
            "submit": Boolean(),
        },
    ),
    route("POST", "/v1/disputes/{dispute}/close", lambda call: _close(call, _undecided(call), "lost")),
)
