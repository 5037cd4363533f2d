"""The mirror's view of attempts to collect a payment."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from billing.domain.money import Money


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
