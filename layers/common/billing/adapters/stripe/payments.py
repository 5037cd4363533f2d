"""Payment intents, charges, payment methods, refunds and disputes of the API versions from 2022-11-15 on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.domain.charges import Charge, ChargeStatus, Dispute, Refund
from billing.domain.payment_intents import PaymentIntent, PaymentIntentStatus
from billing.domain.payment_methods import PaymentMethod

if TYPE_CHECKING:
    from billing.adapters.stripe.reading import Node


def read_payment_intent(intent: Node) -> PaymentIntent:
    """Return the snapshot.

    Raises
    ------
    UnreadableError
        A member is missing or not what it should be.
    """
    intent.expect("object", "payment_intent")
    currency = intent.currency("currency")
    error = intent.optional_node("last_payment_error")
    return PaymentIntent(
        id=intent.text("id"),
        livemode=intent.flag("livemode"),
        created=intent.instant("created"),
        customer=intent.optional_reference("customer"),
        status=intent.choice("status", PaymentIntentStatus),
        currency=currency,
        amount=intent.money("amount", currency),
        amount_received=intent.money("amount_received", currency),
        amount_capturable=intent.money("amount_capturable", currency),
        description=intent.optional_text("description"),
        payment_method=intent.optional_reference("payment_method"),
        latest_charge=intent.optional_reference("latest_charge"),
        error_code=None if error is None else _text_if_told(error, "code"),
        decline_code=None if error is None else _text_if_told(error, "decline_code"),
        cancellation_reason=intent.optional_text("cancellation_reason"),
        canceled_at=intent.optional_instant("canceled_at"),
    )


def read_charge(charge: Node) -> Charge:
    """Return the snapshot.

    Raises
    ------
    UnreadableError
        A member is missing or not what it should be.
    """
    charge.expect("object", "charge")
    currency = charge.currency("currency")
    details = charge.optional_node("payment_method_details")
    outcome = charge.optional_node("outcome")
    return Charge(
        id=charge.text("id"),
        livemode=charge.flag("livemode"),
        created=charge.instant("created"),
        customer=charge.optional_reference("customer"),
        payment_intent=charge.optional_reference("payment_intent"),
        status=charge.choice("status", ChargeStatus),
        currency=currency,
        amount=charge.money("amount", currency),
        amount_captured=charge.money("amount_captured", currency),
        amount_refunded=charge.money("amount_refunded", currency),
        captured=charge.flag("captured"),
        refunded=charge.flag("refunded"),
        payment_method=charge.optional_reference("payment_method"),
        payment_method_type=None if details is None else details.text("type"),
        balance_transaction=charge.optional_reference("balance_transaction"),
        description=charge.optional_text("description"),
        failure_code=charge.optional_text("failure_code"),
        failure_message=charge.optional_text("failure_message"),
        outcome_type=None if outcome is None else outcome.text("type"),
        outcome_reason=None if outcome is None else _text_if_told(outcome, "reason"),
        receipt_number=charge.optional_text("receipt_number"),
    )


def read_payment_method(method: Node) -> PaymentMethod:
    """Return the snapshot: of a card its brand, last four digits and expiry, no billing details.

    Of one that is detached, and so cannot be used again, only the type and brand.

    Raises
    ------
    UnreadableError
        A member is missing or not what it should be.
    """
    method.expect("object", "payment_method")
    kind = method.text("type")
    card = method.node("card") if kind == "card" else None
    # Accounts are told apart by their last digits too; what has none (link, paypal) has nothing here.
    account = method.node(kind) if card is None and method.has(kind) else None
    used = method.has("customer")
    digits = card.text("last4") if card else _text_if_told(account, "last4") if account else None
    return PaymentMethod(
        id=method.text("id"),
        livemode=method.flag("livemode"),
        created=method.instant("created"),
        customer=method.optional_reference("customer"),
        type=kind,
        brand=None if card is None else card.text("brand"),
        last4=digits if used else None,
        exp_month=card.integer("exp_month") if card and used else None,
        exp_year=card.integer("exp_year") if card and used else None,
    )


def read_refund(refund: Node) -> Refund:
    """Return the snapshot.

    Raises
    ------
    UnreadableError
        A member is missing or not what it should be.
    """
    refund.expect("object", "refund")
    currency = refund.currency("currency")
    # Stripe leaves out what belongs to failures where there was none.
    failed = refund.has("failure_balance_transaction")
    return Refund(
        id=refund.text("id"),
        created=refund.instant("created"),
        charge=refund.optional_reference("charge"),
        payment_intent=refund.optional_reference("payment_intent"),
        status=refund.optional_text("status"),
        currency=currency,
        amount=refund.money("amount", currency),
        reason=refund.optional_text("reason"),
        failure_reason=_text_if_told(refund, "failure_reason"),
        balance_transaction=refund.optional_reference("balance_transaction"),
        failure_balance_transaction=refund.reference("failure_balance_transaction") if failed else None,
        receipt_number=refund.optional_text("receipt_number"),
    )


def read_dispute(dispute: Node) -> Dispute:
    """Return the snapshot.

    Raises
    ------
    UnreadableError
        A member is missing or not what it should be.
    """
    dispute.expect("object", "dispute")
    currency = dispute.currency("currency")
    return Dispute(
        id=dispute.text("id"),
        livemode=dispute.flag("livemode"),
        created=dispute.instant("created"),
        charge=dispute.reference("charge"),
        payment_intent=dispute.optional_reference("payment_intent"),
        status=dispute.text("status"),
        currency=currency,
        amount=dispute.money("amount", currency),
        reason=dispute.text("reason"),
        is_charge_refundable=dispute.flag("is_charge_refundable"),
        evidence_due_by=dispute.node("evidence_details").optional_instant("due_by"),
        balance_transactions=tuple(each.text("id") for each in dispute.nodes("balance_transactions")),
    )


def _text_if_told(owner: Node, name: str) -> str | None:
    return owner.text(name) if owner.has(name) else None
