"""Made-up objects of what is sold and how it is paid, whole and valid, as in objects."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from billing.domain.catalogue import (
    Coupon,
    Discount,
    Meter,
    MeterStatus,
    Price,
    PriceTier,
    PriceType,
    Product,
)
from billing.domain.charges import Charge, ChargeStatus, Dispute, Refund
from billing.domain.money import Money
from billing.domain.payment_intents import PaymentIntent, PaymentIntentStatus
from billing.domain.payment_methods import PaymentMethod
from billing.domain.periods import instant
from billing.domain.schedules import (
    PhaseDiscount,
    PhaseItem,
    SchedulePhase,
    ScheduleStatus,
    SubscriptionSchedule,
)
from tests.fakes.more_payloads import MONTH
from tests.fakes.stripe_payloads import CREATED

if TYPE_CHECKING:
    from billing.domain.mirror import Snapshot

T = instant(CREATED)
LATER = instant(CREATED + MONTH)

PRODUCT = Product(
    id="prod_1",
    livemode=False,
    created=T,
    active=True,
    name="API calls",
    description="Aufrufe der API",
    unit_label="call",
    tax_code="txcd_10103001",
    default_price="price_1",
)
PRICE = Price(
    id="price_1",
    livemode=False,
    created=T,
    active=True,
    product="prod_1",
    currency="usd",
    type=PriceType.RECURRING,
    billing_scheme="per_unit",
    unit_amount=Decimal("0.125"),
    tiers_mode=None,
    tiers=(),
    recurring_interval="month",
    recurring_interval_count=1,
    recurring_usage_type="metered",
    recurring_meter="mtr_1",
    transform_divide_by=1000,
    transform_round="up",
    tax_behavior="exclusive",
    nickname="Calls",
    lookup_key="calls",
)
TIERED_PRICE = replace(
    PRICE,
    billing_scheme="tiered",
    tiers_mode="graduated",
    unit_amount=None,
    tiers=(
        PriceTier(up_to=1000, unit_amount=None, flat_amount=Decimal(500)),
        PriceTier(up_to=None, unit_amount=Decimal("0.05"), flat_amount=None),
    ),
)
COUPON = Coupon(
    id="LAUNCH",
    livemode=False,
    created=T,
    name="Launch",
    currency="usd",
    amount_off=Money(500, "usd"),
    percent_off=None,
    duration="repeating",
    duration_in_months=3,
    max_redemptions=100,
    redeem_by=LATER,
)
DISCOUNT = Discount(
    id="di_1",
    customer="cus_1",
    subscription="sub_1",
    subscription_item=None,
    invoice=None,
    invoice_item=None,
    checkout_session=None,
    coupon="LAUNCH",
    promotion_code="promo_1",
    start=T,
    end=instant(CREATED + 3 * MONTH),
)
METER = Meter(
    id="mtr_1",
    livemode=False,
    created=T,
    status=MeterStatus.ACTIVE,
    display_name="API calls",
    event_name="api_calls",
    event_time_window=None,
    aggregation="sum",
    customer_key="stripe_customer_id",
    value_key="value",
    deactivated_at=None,
)
SCHEDULE = SubscriptionSchedule(
    id="sub_sched_1",
    livemode=False,
    created=T,
    customer="cus_1",
    status=ScheduleStatus.ACTIVE,
    subscription="sub_1",
    released_subscription=None,
    end_behavior="release",
    current_phase_start=T,
    current_phase_end=LATER,
    canceled_at=None,
    completed_at=None,
    released_at=None,
    phases=(
        SchedulePhase(
            start_date=T,
            end_date=LATER,
            trial_end=None,
            currency="usd",
            collection_method=None,
            proration_behavior="create_prorations",
            items=(PhaseItem("price_1", None),),
            add_invoice_items=(PhaseItem("price_2", 1),),
            discounts=(PhaseDiscount("LAUNCH", None, None),),
        ),
    ),
)
PAYMENT_INTENT = PaymentIntent(
    id="pi_1",
    livemode=False,
    created=T,
    customer="cus_1",
    status=PaymentIntentStatus.SUCCEEDED,
    currency="usd",
    amount=Money(2856, "usd"),
    amount_received=Money(2856, "usd"),
    amount_capturable=Money(0, "usd"),
    description="Payment for Invoice",
    payment_method="pm_1",
    latest_charge="ch_1",
    error_code=None,
    decline_code=None,
    cancellation_reason=None,
    canceled_at=None,
)
CHARGE = Charge(
    id="ch_1",
    livemode=False,
    created=T,
    customer="cus_1",
    payment_intent="pi_1",
    status=ChargeStatus.SUCCEEDED,
    currency="usd",
    amount=Money(2856, "usd"),
    amount_captured=Money(2856, "usd"),
    amount_refunded=Money(1000, "usd"),
    captured=True,
    refunded=False,
    payment_method="pm_1",
    payment_method_type="card",
    balance_transaction="txn_1",
    description="Payment for Invoice",
    failure_code=None,
    failure_message=None,
    outcome_type="authorized",
    outcome_reason=None,
    receipt_number="2000-1000",
)
PAYMENT_METHOD = PaymentMethod(
    id="pm_1",
    livemode=False,
    created=T,
    customer="cus_1",
    type="card",
    brand="visa",
    last4="4242",
    exp_month=12,
    exp_year=2030,
)
REFUND = Refund(
    id="re_1",
    created=T,
    charge="ch_1",
    payment_intent="pi_1",
    status="succeeded",
    currency="usd",
    amount=Money(1000, "usd"),
    reason="requested_by_customer",
    failure_reason=None,
    balance_transaction="txn_2",
    failure_balance_transaction=None,
    receipt_number="2000-1001",
)
DISPUTE = Dispute(
    id="dp_1",
    livemode=False,
    created=T,
    charge="ch_1",
    payment_intent="pi_1",
    status="needs_response",
    currency="usd",
    amount=Money(2856, "usd"),
    reason="fraudulent",
    is_charge_refundable=False,
    evidence_due_by=instant(CREATED + 604_800),
    balance_transactions=("txn_3",),
)

PLAIN: tuple[Snapshot, ...] = (
    PRODUCT,
    PRICE,
    TIERED_PRICE,
    COUPON,
    DISCOUNT,
    METER,
    SCHEDULE,
    PAYMENT_INTENT,
    CHARGE,
    PAYMENT_METHOD,
    REFUND,
    DISPUTE,
)
"""One of each object without children; the payloads of more_payloads say the same."""


def changed(state: Any, **changes: Any) -> Any:
    """Return the state, of whatever kind, with other members."""
    return replace(state, **changes)
