"""The mirror's view of charges, and of what is given back of them or disputed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from billing.domain.money import Money


class ChargeStatus(StrEnum):
    """Stripe's charge statuses."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Charge:
    """One try to move money; all amounts share `currency`.

    `balance_transaction` is what it moved on the seller's balance. `outcome_reason` says why the network or
    Stripe declined.
    """

    id: str
    livemode: bool
    created: datetime
    customer: str | None
    payment_intent: str | None
    status: ChargeStatus
    currency: str
    amount: Money
    amount_captured: Money
    amount_refunded: Money
    captured: bool
    refunded: bool
    payment_method: str | None
    payment_method_type: str | None
    balance_transaction: str | None
    description: str | None
    failure_code: str | None
    failure_message: str | None
    outcome_type: str | None
    outcome_reason: str | None
    receipt_number: str | None


@dataclass(frozen=True, slots=True)
class Refund:
    """Money that goes back; Stripe tells neither its mode nor its customer.

    `status` is pending, requires_action, succeeded, failed or canceled, and more as Stripe adds them.
    """

    id: str
    created: datetime
    charge: str | None
    payment_intent: str | None
    status: str | None
    currency: str
    amount: Money
    reason: str | None
    failure_reason: str | None
    balance_transaction: str | None
    failure_balance_transaction: str | None
    receipt_number: str | None


@dataclass(frozen=True, slots=True)
class Dispute:
    """A charge that the customer disputes at its bank; the evidence is not read.

    `balance_transactions` are what it took from the seller's balance and gave back to it.
    """

    id: str
    livemode: bool
    created: datetime
    charge: str
    payment_intent: str | None
    status: str
    currency: str
    amount: Money
    reason: str
    is_charge_refundable: bool
    evidence_due_by: datetime | None
    balance_transactions: tuple[str, ...]
