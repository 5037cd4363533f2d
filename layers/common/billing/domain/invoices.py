"""The mirror's view of a Stripe invoice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from billing.domain.statuses import InvoiceStatus

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from billing.domain.credit_note_summaries import CreditNoteSummary
    from billing.domain.money import Money
    from billing.domain.parties import Address, TaxId
    from billing.domain.payments import InvoicePayment
    from billing.domain.periods import Period

__all__ = ["DiscountAmount", "Invoice", "InvoiceLine", "InvoiceStatus", "Tax"]


@dataclass(frozen=True, slots=True)
class Tax:
    """One tax amount: on a line, or summed over the invoice (Stripe's taxes and total_taxes).

    `behavior` is inclusive or exclusive; `reason` is Stripe's taxability_reason; `rate` is the
    id of the tax rate where Stripe names one. What follows is that rate's, joined when an invoice is read
    (a snapshot of Stripe names the rate only), and None where the mirror does not know the rate:
    `percentage` is 19 for 19 %; `name` is its display name, such as MwSt.; `country` is ISO 3166-1
    alpha-2; `tax_type` is Stripe's, such as vat.
    """

    amount: Money
    behavior: str
    reason: str | None = None
    rate: str | None = None
    taxable_amount: Money | None = None
    percentage: Decimal | None = None
    name: str | None = None
    country: str | None = None
    jurisdiction: str | None = None
    tax_type: str | None = None


@dataclass(frozen=True, slots=True)
class DiscountAmount:
    """How much one discount took off; `discount` is its id.

    What follows is its coupon's, joined when a document is read (a snapshot of Stripe names the discount
    only), and None where the mirror does not know it: `name` is what Stripe shows of a coupon, its name or
    else its id; `percent_off` is 20 for 20 %; `amount_off` may be of another currency than `amount`.
    """

    amount: Money
    discount: str
    coupon: str | None = None
    name: str | None = None
    percent_off: Decimal | None = None
    amount_off: Money | None = None


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """One line; `amount` is before discounts and exclusive taxes.

    `unit_amount` is in minor units with up to 12 decimals, of the same currency as `amount`.
    """

    id: str
    description: str | None
    amount: Money
    quantity: Decimal | None
    unit_amount: Decimal | None
    period: Period
    proration: bool
    price: str | None
    product: str | None
    subscription: str | None
    discounts: tuple[DiscountAmount, ...] = ()
    taxes: tuple[Tax, ...] = ()


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice as Stripe last told it, with every line.

    All amounts share `currency`. `lines_complete` is False only on a snapshot whose payload
    embeds the first lines; such a snapshot is completed from Stripe before it is written.
    `credit_notes` and `payments`, oldest first, are joined when an invoice is read; a snapshot has none.
    """

    id: str
    livemode: bool
    created: datetime
    customer: str
    subscription: str | None
    number: str | None
    status: InvoiceStatus
    currency: str
    collection_method: str
    billing_reason: str | None
    description: str | None
    footer: str | None
    customer_name: str | None
    customer_email: str | None
    customer_address: Address | None
    customer_tax_ids: tuple[TaxId, ...]
    customer_tax_exempt: str | None
    subtotal: Money
    total: Money
    total_excluding_tax: Money | None
    amount_due: Money
    amount_paid: Money
    amount_remaining: Money
    starting_balance: Money
    period: Period
    due_date: datetime | None
    finalized_at: datetime | None
    paid_at: datetime | None
    voided_at: datetime | None
    marked_uncollectible_at: datetime | None
    discounts: tuple[DiscountAmount, ...]
    taxes: tuple[Tax, ...]
    lines: tuple[InvoiceLine, ...]
    lines_complete: bool = True
    credit_notes: tuple[CreditNoteSummary, ...] = ()
    payments: tuple[InvoicePayment, ...] = ()
