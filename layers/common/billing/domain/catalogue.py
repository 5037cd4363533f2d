"""The mirror's view of what is sold at Stripe: products, prices, coupons, discounts and meters."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from billing.domain.money import Money


@dataclass(frozen=True, slots=True)
class Product:
    """Something that is sold. `unit_label` is what one of it is called on an invoice, such as seat."""

    id: str
    livemode: bool
    created: datetime
    active: bool
    name: str
    description: str | None
    unit_label: str | None
    tax_code: str | None
    default_price: str | None


class PriceType(StrEnum):
    """Stripe's types of prices."""

    ONE_TIME = "one_time"
    RECURRING = "recurring"


@dataclass(frozen=True, slots=True)
class PriceTier:
    """One tier; its amounts are minor units of the price's currency, `up_to` is None for the last one."""

    up_to: int | None
    unit_amount: Decimal | None
    flat_amount: Decimal | None


@dataclass(frozen=True, slots=True)
class Price:
    """What a product costs. A price's amounts never change: another amount is another price.

    `unit_amount` is minor units of `currency` with up to 12 decimals, None where the tiers or the customer
    tell it. The recurring members are None for a one-time price. A quantity is divided by
    `transform_divide_by` and rounded `transform_round` (up or down) before it is priced. `tiers` is () for a
    price without tiers, and None only on a snapshot whose payload does not tell them; it is completed from
    Stripe before it is written.
    """

    id: str
    livemode: bool
    created: datetime
    active: bool
    product: str
    currency: str
    type: PriceType
    billing_scheme: str
    unit_amount: Decimal | None
    tiers_mode: str | None
    tiers: tuple[PriceTier, ...] | None
    recurring_interval: str | None
    recurring_interval_count: int | None
    recurring_usage_type: str | None
    recurring_meter: str | None
    transform_divide_by: int | None
    transform_round: str | None
    tax_behavior: str | None
    nickname: str | None
    lookup_key: str | None


@dataclass(frozen=True, slots=True)
class Coupon:
    """What takes something off: `amount_off` of `currency`, or `percent_off` per cent.

    How often it was redeemed, and whether it still can be, is not here: both change at Stripe without an
    event.
    """

    id: str
    livemode: bool
    created: datetime
    name: str | None
    currency: str | None
    amount_off: Money | None
    percent_off: Decimal | None
    duration: str
    duration_in_months: int | None
    max_redemptions: int | None
    redeem_by: datetime | None


@dataclass(frozen=True, slots=True)
class Discount:
    """A coupon applied to a customer, or to one of its subscriptions, invoices, items or Checkout sessions.

    Stripe tells neither its mode nor when it was created, and returns none by its id.
    """

    id: str
    customer: str | None
    subscription: str | None
    subscription_item: str | None
    invoice: str | None
    invoice_item: str | None
    checkout_session: str | None
    coupon: str | None
    promotion_code: str | None
    start: datetime
    end: datetime | None


class MeterStatus(StrEnum):
    """Stripe's billing meter statuses; a meter may go both ways."""

    ACTIVE = "active"
    INACTIVE = "inactive"


@dataclass(frozen=True, slots=True)
class Meter:
    """How usage is counted: the events named `event_name`, aggregated by `aggregation` (sum, count or last).

    `customer_key` and `value_key` name the members of an event's payload that hold the customer and the
    value.
    """

    id: str
    livemode: bool
    created: datetime
    status: MeterStatus
    display_name: str
    event_name: str
    event_time_window: str | None
    aggregation: str
    customer_key: str
    value_key: str
    deactivated_at: datetime | None
