"""The mirror's view of payments of invoices."""

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
