"""What the demo's plan is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


class Outcome(StrEnum):
    """What becomes of an invoice."""

    DRAFT = "draft"
    OPEN = "open"
    PAID_BY_CARD = "paid_by_card"
    PAID_BY_TRANSFER = "paid_by_transfer"
    VOID = "void"
    UNCOLLECTIBLE = "uncollectible"


@dataclass(frozen=True, slots=True)
class PricePlan:
    """A price of the demo's product, found again by its lookup key; `unit_amount` in minor units."""

    key: str
    currency: str
    unit_amount: str
    nickname: str
    monthly: bool = False
    included: int | None = None
    """Of a price of the meter: what costs nothing each month."""


@dataclass(frozen=True, slots=True)
class LinePlan:
    """One line; the period is half-open."""

    price: PricePlan
    quantity: int
    description: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class CreditPlan:
    """A credit note on so many pieces of the first line; `refund` is in minor units, with the tax."""

    quantity: int
    refund: int
    reason: str
    memo: str


@dataclass(frozen=True, slots=True)
class InvoicePlan:
    """One invoice; `key` tells it from the customer's others for ever."""

    key: str
    issued: datetime
    lines: tuple[LinePlan, ...]
    outcome: Outcome
    days_until_due: int
    on_subscription: bool = True
    discounted: bool = False
    memo: str | None = None
    credit: CreditPlan | None = None


@dataclass(frozen=True, slots=True)
class TaxPlan:
    """The tax on a customer's invoices; `percentage` is a decimal."""

    key: str
    display_name: str
    percentage: str
    inclusive: bool
    country: str
    tax_type: str


@dataclass(frozen=True, slots=True)
class CustomerPlan:
    """A customer; `role` is the name of the demo user who sees its invoices."""

    role: str
    name: str
    email: str
    phone: str
    locale: str
    address: Mapping[str, str]
    tax: TaxPlan
    plan: PricePlan
    metered: PricePlan
    seats: int
    since: datetime
    first_invoice: Outcome
    days_until_due: int
    invoices: tuple[InvoicePlan, ...]
    vat_id: str | None = None
    by_card: bool = False
    footer: str | None = None
    prices: tuple[PricePlan, ...] = field(default=())
