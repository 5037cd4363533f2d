"""The mirror's view of a Stripe credit note: what of a finalised invoice is taken back, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from billing.domain.statuses import CreditNoteStatus

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from billing.domain.invoices import DiscountAmount, Tax
    from billing.domain.money import Money

__all__ = ["CreditNote", "CreditNoteLine", "CreditNoteStatus", "RefundAmount"]


@dataclass(frozen=True, slots=True)
class CreditNoteLine:
    """One line; `amount` is before discounts and exclusive taxes, and positive where it credits.

    `type` is invoice_line_item or custom_line_item; `invoice_line` is the id of the line that is credited,
    None for a custom one. `unit_amount` is in minor units with up to 12 decimals.
    """

    id: str
    type: str
    description: str | None
    amount: Money
    quantity: Decimal | None
    unit_amount: Decimal | None
    invoice_line: str | None
    discounts: tuple[DiscountAmount, ...] = ()
    taxes: tuple[Tax, ...] = ()


@dataclass(frozen=True, slots=True)
class RefundAmount:
    """How much of a credit note one refund gave back; `refund` is its id at Stripe."""

    amount: Money
    refund: str


@dataclass(frozen=True, slots=True)
class CreditNote:
    """A credit note as Stripe last told it, with every line; all amounts share `currency`.

    `total` is what is credited: `pre_payment_amount` lowered what the invoice still asked for, and
    `post_payment_amount` was given back for what was paid: by `refunds`, outside of Stripe, and the rest to
    the customer's balance. `type` is pre_payment, post_payment or mixed. `lines_complete` is False only on a
    snapshot whose payload embeds the first lines; it is completed from Stripe before it is written.
    """

    id: str
    livemode: bool
    created: datetime
    customer: str
    invoice: str
    number: str
    status: CreditNoteStatus
    type: str
    currency: str
    reason: str | None
    memo: str | None
    amount: Money
    subtotal: Money
    total: Money
    total_excluding_tax: Money | None
    pre_payment_amount: Money
    post_payment_amount: Money
    out_of_band_amount: Money | None
    refunds: tuple[RefundAmount, ...]
    customer_balance_transaction: str | None
    effective_at: datetime | None
    voided_at: datetime | None
    discounts: tuple[DiscountAmount, ...]
    taxes: tuple[Tax, ...]
    lines: tuple[CreditNoteLine, ...]
    lines_complete: bool = True
