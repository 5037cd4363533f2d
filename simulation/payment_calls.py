"""The calls about money: payments, cards, refunds, disputes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulation.scene import Kind

if TYPE_CHECKING:
    from simulation.scene import Params, Scene

CARD = "pm_card_visa"
_DECLINED = "pm_card_visa_chargeDeclined"
_TROUBLED = ("pm_card_createDispute", "pm_card_refundFail", "pm_card_pendingRefund")
"""Test cards whose charges are disputed, and whose refunds do not end as they begin."""


def _payment(scene: Scene) -> Params:
    troubled = {"payment_method": scene.random.choice(_TROUBLED)}
    return scene.random.choice(
        ({}, troubled, troubled, {"paid_out_of_band": True}, {"payment_method": _DECLINED})
    )


def _refund(scene: Scene) -> Params:
    left = scene.state["amount"] - scene.state["amount_refunded"]
    whole = left < 1 or scene.chance(0.3)
    reason = scene.random.choice(("duplicate", "requested_by_customer"))
    return {"reason": reason} | ({} if whole else {"amount": scene.random.randint(1, left)})


def _evidence(scene: Scene) -> Params:
    text = scene.random.choice(("more later", "more later", "winning_evidence", "losing_evidence"))
    return {
        "evidence": {"uncategorized_text": text},
        "metadata": {"note": scene.text()},
        "submit": scene.chance(0.7),
    }


def _note(scene: Scene) -> Params:
    return {"metadata": {"note": scene.text()}}


PAYMENT_CALLS = (
    Kind(
        2,
        "POST",
        "/v1/invoices/{invoice}/pay",
        "invoice",
        _payment,
        statuses=("draft", "open", "uncollectible"),
    ),
    Kind(
        0.6,
        "POST",
        "/v1/payment_methods/{payment_method}/attach",
        "customer",
        parameter="customer",
        path={"payment_method": CARD},
    ),
    Kind(
        1.5,
        "POST",
        "/v1/payment_methods/{payment_method}",
        "payment_method",
        lambda scene: {"card": {"exp_month": scene.random.randint(1, 12), "exp_year": 2035}},
    ),
    Kind(0.5, "POST", "/v1/payment_methods/{payment_method}/detach", "payment_method"),
    Kind(1.5, "POST", "/v1/refunds", "charge", _refund, ("succeeded",), "charge"),
    Kind(1.5, "POST", "/v1/refunds/{refund}", "refund", _note),
    Kind(2, "POST", "/v1/disputes/{dispute}", "dispute", _evidence, ("needs_response", "under_review")),
    Kind(0.5, "POST", "/v1/disputes/{dispute}/close", "dispute", statuses=("needs_response", "under_review")),
)
