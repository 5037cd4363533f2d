"""The mirror's view of money at Stripe: what is to be paid, was paid, was given back, or is disputed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from billing.domain.money import Money


class InvoicePaymentStatus(StrEnum):
    """Stripe's invoice payment statuses."""

    OPEN = "open"
    PAID = "paid"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True)
class InvoicePayment:
    """A payment of an invoice; an invoice may have several.

    `amount_paid` is None until it is paid. `payment_type` is payment_intent, charge or payment_record, and
    `payment` the id of that object. Stripe tells the invoice and not its customer.
    """

    id: str
    livemode: bool
    created: datetime
    invoice: str
    status: InvoicePaymentStatus
    currency: str
    amount_requested: Money
    amount_paid: Money | None
    is_default: bool
    payment_type: str
    payment: str
    paid_at: datetime | None
    canceled_at: datetime | None


class PaymentIntentStatus(StrEnum):
    """Stripe's payment intent statuses."""

    REQUIRES_PAYMENT_METHOD = "requires_payment_method"
    REQUIRES_CONFIRMATION = "requires_confirmation"
    REQUIRES_ACTION = "requires_action"
    REQUIRES_CAPTURE = "requires_capture"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True)
class PaymentIntent:
    """An attempt to collect a payment, over all its tries; all amounts share `currency`.

    `error_code` and `decline_code` are those of the last try that failed. Its client_secret is not read.
    """

    id: str
    livemode: bool
    created: datetime
    customer: str | None
    status: PaymentIntentStatus
    currency: str
    amount: Money
    amount_received: Money
    amount_capturable: Money
    description: str | None
    payment_method: str | None
    latest_charge: str | None
    error_code: str | None
    decline_code: str | None
    cancellation_reason: str | None
    canceled_at: datetime | None


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
class PaymentMethod:
    """How a customer pays, by what recognises it and no more.

    `customer` is None once it is detached for ever; digits and expiry are then None too.
    """

    id: str
    livemode: bool
    created: datetime
    customer: str | None
    type: str
    brand: str | None
    last4: str | None
    exp_month: int | None
    exp_year: int | None


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
