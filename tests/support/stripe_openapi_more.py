"""The endpoints that the slice of Stripe's OpenAPI lacks: what they take is in the types of stripe-python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def extensions() -> Mapping[str, tuple[str, Any, Any]]:
    """Return, for each endpoint that is not in the slice, its object and what creating and listing take."""
    from stripe.params import (  # noqa: PLC0415 - heavy
        ChargeListParams,
        CouponCreateParams,
        CouponListParams,
        DisputeListParams,
        PaymentIntentListParams,
        SubscriptionScheduleCreateParams,
        SubscriptionScheduleListParams,
        TaxRateCreateParams,
        TaxRateListParams,
    )

    return {
        "/v1/coupons": ("coupon", CouponCreateParams, CouponListParams),
        "/v1/tax_rates": ("tax_rate", TaxRateCreateParams, TaxRateListParams),
        "/v1/charges": ("charge", None, ChargeListParams),
        "/v1/disputes": ("dispute", None, DisputeListParams),
        "/v1/payment_intents": ("payment_intent", None, PaymentIntentListParams),
        "/v1/subscription_schedules": (
            "subscription_schedule",
            SubscriptionScheduleCreateParams,
            SubscriptionScheduleListParams,
        ),
    }


def more_calls() -> Mapping[tuple[str, str], tuple[str, Any]]:
    """Return the calls that change an object of an endpoint that is not in the slice."""
    from stripe.params import (  # noqa: PLC0415 - heavy
        CouponUpdateParams,
        DisputeCloseParams,
        DisputeUpdateParams,
        SubscriptionScheduleCancelParams,
        SubscriptionScheduleReleaseParams,
        SubscriptionScheduleUpdateParams,
    )

    schedules, schedule = "/v1/subscription_schedules/{id}", "subscription_schedule"
    return {
        ("POST", "/v1/coupons/{id}"): ("coupon", CouponUpdateParams),
        ("DELETE", "/v1/coupons/{id}"): ("coupon", None),
        ("POST", "/v1/disputes/{id}"): ("dispute", DisputeUpdateParams),
        ("POST", "/v1/disputes/{id}/close"): ("dispute", DisputeCloseParams),
        ("POST", schedules): (schedule, SubscriptionScheduleUpdateParams),
        ("POST", f"{schedules}/cancel"): (schedule, SubscriptionScheduleCancelParams),
        ("POST", f"{schedules}/release"): (schedule, SubscriptionScheduleReleaseParams),
    }
