"""Payment intents, charges, refunds and disputes of older API versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from billing.adapters.stripe.upgrades.members import renamed, with_absent

if TYPE_CHECKING:
    from billing.adapters.stripe.upgrades.members import Members

_STATUSES = {"requires_source": "requires_payment_method", "requires_source_action": "requires_action"}


def payment_intent_in_2019(intent: Members) -> Members:
    """Give statuses that were named after sources today's names, and the source as payment method."""
    changed = renamed(intent, payment_method="source")
    status = changed.get("status")
    return {**changed, "status": _STATUSES.get(status, status)} if isinstance(status, str) else changed


def payment_intent_in_2022(intent: Members) -> Members:
    """Make the latest charge of the list of charges, which is newest first."""
    charges = intent.get("charges")
    data = charges.get("data") if isinstance(charges, dict) else None
    if not isinstance(data, list):
        return intent
    return with_absent(intent, latest_charge=data[0] if data else None)


def charge_in_2015(charge: Members) -> Members:
    """Rename the status paid to succeeded; before there was a status, a charge was paid or had failed."""
    status = charge.get("status", {True: "paid", False: "failed"}.get(cast("bool", charge.get("paid"))))
    return charge if status is None else {**charge, "status": "succeeded" if status == "paid" else status}


def charge_in_2020(charge: Members) -> Members:
    """Tell how much was captured, and make a payment method of the source.

    A capture of less than the amount was told as a refund of the rest: then it is not told how much it was.
    Before there were payment intents and outcomes a charge had none.
    """
    changed = with_absent(charge, payment_intent=None, outcome=None, receipt_number=None)
    if "payment_method" not in changed:
        changed = _with_method(changed)
    if "amount_captured" in changed:
        return changed
    if changed.get("captured") is False or changed.get("status") == "failed":
        return {**changed, "amount_captured": 0}
    if changed.get("amount_refunded") == 0 and "amount" in changed:
        return {**changed, "amount_captured": changed["amount"]}
    return changed


def _with_method(charge: Members) -> dict[str, object]:
    source = charge.get("source")
    if source is None and "source" in charge:
        return with_absent(charge, payment_method=None, payment_method_details=None)
    if not isinstance(source, dict):
        return dict(charge)
    # A source is of a type of its own; a card or bank account is not.
    kind = source.get("type") if source.get("object") == "source" else source.get("object")
    return with_absent(charge, payment_method=source.get("id"), payment_method_details={"type": kind})


def dispute_in_2020(dispute: Members) -> Members:
    """Give a dispute from before there were payment intents none."""
    return with_absent(dispute, payment_intent=None)


def refund_in_2020(refund: Members) -> Members:
    """Give a refund from before there were payment intents none."""
    return with_absent(refund, payment_intent=None)
