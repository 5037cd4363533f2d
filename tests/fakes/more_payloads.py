"""JSON of what is sold and how it is paid, as Stripe sends it (2026-05-27.dahlia), as in stripe_payloads."""

from __future__ import annotations

from typing import Any

from tests.fakes.stripe_payloads import CREATED

MONTH = 2_592_000


def product(**members: Any) -> dict[str, Any]:
    """Return a product, the one that line() names."""
    return {
        "id": "prod_1",
        "object": "product",
        "active": True,
        "created": CREATED,
        "default_price": "price_1",
        "description": "Aufrufe der API",
        "images": [],
        "livemode": False,
        "marketing_features": [],
        "metadata": {},
        "name": "API calls",
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": "txcd_10103001",
        "unit_label": "call",
        "updated": CREATED,
        "url": None,
        **members,
    }


def price(**members: Any) -> dict[str, Any]:
    """Return a metered price per unit, the one that line() names."""
    return {
        "id": "price_1",
        "object": "price",
        "active": True,
        "billing_scheme": "per_unit",
        "created": CREATED,
        "currency": "usd",
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": "calls",
        "metadata": {},
        "nickname": "Calls",
        "product": "prod_1",
        "recurring": {
            "interval": "month",
            "interval_count": 1,
            "meter": "mtr_1",
            "usage_type": "metered",
        },
        "tax_behavior": "exclusive",
        "tiers_mode": None,
        "transform_quantity": {"divide_by": 1000, "round": "up"},
        "type": "recurring",
        "unit_amount": None,
        "unit_amount_decimal": "0.125",
        **members,
    }


def tiers() -> list[dict[str, Any]]:
    """Return the tiers of a tiered price, as Stripe shows them to whoever asks."""
    return [
        {
            "flat_amount": 500,
            "flat_amount_decimal": "500",
            "unit_amount": None,
            "unit_amount_decimal": None,
            "up_to": 1000,
        },
        {
            "flat_amount": None,
            "flat_amount_decimal": None,
            "unit_amount": None,
            "unit_amount_decimal": "0.05",
            "up_to": None,
        },
    ]


def tiered_price(**members: Any) -> dict[str, Any]:
    """Return a tiered price without its tiers, as events tell it."""
    tiered = {"billing_scheme": "tiered", "tiers_mode": "graduated", "unit_amount_decimal": None}
    return price(**tiered, **members)


def coupon(**members: Any) -> dict[str, Any]:
    """Return a coupon of an amount."""
    return {
        "id": "LAUNCH",
        "object": "coupon",
        "amount_off": 500,
        "created": CREATED,
        "currency": "usd",
        "duration": "repeating",
        "duration_in_months": 3,
        "livemode": False,
        "max_redemptions": 100,
        "metadata": {},
        "name": "Launch",
        "percent_off": None,
        "redeem_by": CREATED + MONTH,
        "times_redeemed": 2,
        "valid": True,
        **members,
    }


def discount(**members: Any) -> dict[str, Any]:
    """Return a discount of a customer."""
    return {
        "id": "di_1",
        "object": "discount",
        "checkout_session": None,
        "customer": "cus_1",
        "customer_account": None,
        "end": CREATED + 3 * MONTH,
        "invoice": None,
        "invoice_item": None,
        "promotion_code": "promo_1",
        "source": {"coupon": "LAUNCH", "type": "coupon"},
        "start": CREATED,
        "subscription": "sub_1",
        "subscription_item": None,
        **members,
    }


def meter(**members: Any) -> dict[str, Any]:
    """Return a meter that sums."""
    return {
        "id": "mtr_1",
        "object": "billing.meter",
        "created": CREATED,
        "customer_mapping": {"event_payload_key": "stripe_customer_id", "type": "by_id"},
        "default_aggregation": {"formula": "sum"},
        "display_name": "API calls",
        "event_name": "api_calls",
        "event_time_window": None,
        "livemode": False,
        "status": "active",
        "status_transitions": {"deactivated_at": None},
        "updated": CREATED,
        "value_settings": {"event_payload_key": "value"},
        **members,
    }


def phase(**members: Any) -> dict[str, Any]:
    """Return a phase of a schedule."""
    return {
        "add_invoice_items": [
            {
                "discounts": [],
                "metadata": {},
                "period": {"end": {"type": "phase_end"}, "start": {"type": "phase_start"}},
                "price": "price_2",
                "quantity": 1,
                "tax_rates": [],
            }
        ],
        "collection_method": None,
        "currency": "usd",
        "discounts": [{"coupon": "LAUNCH", "discount": None, "promotion_code": None}],
        "end_date": CREATED + MONTH,
        "items": [{"discounts": [], "metadata": {}, "price": "price_1", "tax_rates": []}],
        "metadata": {},
        "proration_behavior": "create_prorations",
        "start_date": CREATED,
        "trial_end": None,
        **members,
    }


def schedule(**members: Any) -> dict[str, Any]:
    """Return an active schedule of one phase."""
    return {
        "id": "sub_sched_1",
        "object": "subscription_schedule",
        "application": None,
        "billing_mode": {"type": "flexible"},
        "canceled_at": None,
        "completed_at": None,
        "created": CREATED,
        "current_phase": {"end_date": CREATED + MONTH, "start_date": CREATED},
        "customer": "cus_1",
        "default_settings": {
            "billing_cycle_anchor": "automatic",
            "invoice_settings": {"issuer": {"type": "self"}},
        },
        "end_behavior": "release",
        "livemode": False,
        "metadata": {},
        "phases": [phase()],
        "released_at": None,
        "released_subscription": None,
        "status": "active",
        "subscription": "sub_1",
        **members,
    }


def payment_intent(**members: Any) -> dict[str, Any]:
    """Return a payment intent that failed once and then succeeded."""
    return {
        "id": "pi_1",
        "object": "payment_intent",
        "amount": 2856,
        "amount_capturable": 0,
        "amount_received": 2856,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic",
        "client_secret": "pi_1_secret_canary",
        "created": CREATED,
        "currency": "usd",
        "customer": "cus_1",
        "description": "Payment for Invoice",
        "last_payment_error": None,
        "latest_charge": "ch_1",
        "livemode": False,
        "metadata": {},
        "payment_method": "pm_1",
        "receipt_email": "billing@example.com",
        "status": "succeeded",
        **members,
    }


def charge(**members: Any) -> dict[str, Any]:
    """Return a charge that was refunded in part."""
    return {
        "id": "ch_1",
        "object": "charge",
        "amount": 2856,
        "amount_captured": 2856,
        "amount_refunded": 1000,
        "balance_transaction": "txn_1",
        "billing_details": {"email": "canary@example.com", "name": "Ünïcode Canary"},
        "captured": True,
        "created": CREATED,
        "currency": "usd",
        "customer": "cus_1",
        "description": "Payment for Invoice",
        "disputed": False,
        "failure_code": None,
        "failure_message": None,
        "livemode": False,
        "metadata": {},
        "outcome": {
            "network_status": "approved_by_network",
            "reason": None,
            "risk_level": "normal",
            "seller_message": "Payment complete.",
            "type": "authorized",
        },
        "paid": True,
        "payment_intent": "pi_1",
        "payment_method": "pm_1",
        "payment_method_details": {"type": "card"},
        "receipt_number": "2000-1000",
        "receipt_url": "https://pay.stripe.com/receipts/canary",
        "refunded": False,
        "status": "succeeded",
        **members,
    }


def payment_method(**members: Any) -> dict[str, Any]:
    """Return a card on file."""
    return {
        "id": "pm_1",
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": {
            "address": {"city": "Canaryville", "country": "DE", "line1": "Canary Street 1"},
            "email": "canary@example.com",
            "name": "Ünïcode Canary",
            "phone": "+491",
        },
        "card": {
            "brand": "visa",
            "checks": None,
            "country": "US",
            "exp_month": 12,
            "exp_year": 2030,
            "fingerprint": "fingerprintcanary",
            "funding": "credit",
            "last4": "4242",
        },
        "created": CREATED,
        "customer": "cus_1",
        "livemode": False,
        "metadata": {},
        "type": "card",
        **members,
    }


def refund(**members: Any) -> dict[str, Any]:
    """Return a refund of charge()."""
    return {
        "id": "re_1",
        "object": "refund",
        "amount": 1000,
        "balance_transaction": "txn_2",
        "charge": "ch_1",
        "created": CREATED,
        "currency": "usd",
        "metadata": {},
        "payment_intent": "pi_1",
        "reason": "requested_by_customer",
        "receipt_number": "2000-1001",
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
        **members,
    }


def dispute(**members: Any) -> dict[str, Any]:
    """Return a dispute of charge()."""
    return {
        "id": "dp_1",
        "object": "dispute",
        "amount": 2856,
        "balance_transactions": [
            {
                "id": "txn_3",
                "object": "balance_transaction",
                "amount": -2856,
                "available_on": CREATED,
                "balance_type": "payments",
                "created": CREATED,
                "currency": "usd",
                "description": "Chargeback withdrawal for ch_1",
                "exchange_rate": None,
                "fee": 1500,
                "fee_details": [],
                "net": -4356,
                "reporting_category": "dispute",
                "source": "dp_1",
                "status": "available",
                "type": "adjustment",
            }
        ],
        "charge": "ch_1",
        "created": CREATED,
        "currency": "usd",
        "enhanced_eligibility_types": [],
        "evidence": {
            "customer_email_address": "canary@example.com",
            "customer_name": "Ünïcode Canary",
            "enhanced_evidence": {},
        },
        "evidence_details": {
            "due_by": CREATED + 604_800,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": "pi_1",
        "reason": "fraudulent",
        "status": "needs_response",
        **members,
    }
