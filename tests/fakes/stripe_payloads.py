"""JSON as Stripe sends it (2026-05-27.dahlia), for tests to change a member of."""

from __future__ import annotations

from typing import Any

API_VERSION = "2026-05-27.dahlia"
CREATED = 1_780_000_000


def event(what: str, about: dict[str, Any], **members: Any) -> dict[str, Any]:
    """Return an event of this type about this object."""
    return {
        "id": "evt_1",
        "object": "event",
        "api_version": API_VERSION,
        "created": CREATED,
        "data": {"object": about},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": what,
        **members,
    }


def customer(**members: Any) -> dict[str, Any]:
    """Return a customer."""
    return {
        "id": "cus_1",
        "object": "customer",
        "address": {
            "city": "Zürich",
            "country": "CH",
            "line1": "Bahnhofstrasse 1",
            "line2": None,
            "postal_code": "8001",
            "state": None,
        },
        "balance": -1250,
        "created": CREATED,
        "currency": "chf",
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": "billing@example.com",
        "livemode": False,
        "metadata": {},
        "name": "Ünïcode AG",
        "phone": None,
        "preferred_locales": ["de-CH", "fr"],
        "tax_exempt": "none",
        **members,
    }


def item(**members: Any) -> dict[str, Any]:
    """Return an item of a subscription."""
    return {
        "id": "si_1",
        "object": "subscription_item",
        "created": CREATED,
        "current_period_end": CREATED + 2_592_000,
        "current_period_start": CREATED,
        "discounts": [],
        "price": {"id": "price_1", "object": "price", "product": "prod_1"},
        "quantity": 3,
        "subscription": "sub_1",
        **members,
    }


def subscription(**members: Any) -> dict[str, Any]:
    """Return a subscription with one item."""
    return {
        "id": "sub_1",
        "object": "subscription",
        "billing_cycle_anchor": CREATED,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "collection_method": "charge_automatically",
        "created": CREATED,
        "currency": "usd",
        "customer": "cus_1",
        "discounts": [],
        "ended_at": None,
        "items": {"object": "list", "data": [item()], "has_more": False},
        "livemode": False,
        "start_date": CREATED,
        "status": "active",
        "trial_end": None,
        "trial_start": None,
        **members,
    }


def line(**members: Any) -> dict[str, Any]:
    """Return a line of an invoice."""
    return {
        "id": "il_1",
        "object": "line_item",
        "amount": 2500,
        "currency": "usd",
        "description": "API calls",
        "discount_amounts": [{"amount": 100, "discount": "di_1"}],
        "discountable": True,
        "discounts": ["di_1"],
        "livemode": False,
        "parent": {
            "type": "subscription_item_details",
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": False,
                "subscription": "sub_1",
                "subscription_item": "si_1",
            },
        },
        "period": {"end": CREATED + 2_592_000, "start": CREATED},
        "pricing": {
            "type": "price_details",
            "price_details": {"price": "price_1", "product": "prod_1"},
            "unit_amount_decimal": "0.125",
        },
        "quantity": 20_000,
        "quantity_decimal": "20000",
        "taxes": [
            {
                "amount": 456,
                "tax_behavior": "exclusive",
                "tax_rate_details": {"tax_rate": "txr_1"},
                "taxability_reason": "standard_rated",
                "taxable_amount": 2400,
                "type": "tax_rate_details",
            }
        ],
        **members,
    }


def tax_rate(**members: Any) -> dict[str, Any]:
    """Return a tax rate, the one that line() names."""
    return {
        "id": "txr_1",
        "object": "tax_rate",
        "active": True,
        "country": "DE",
        "created": CREATED,
        "description": "Umsatzsteuer",
        "display_name": "MwSt.",
        "effective_percentage": None,
        "flat_amount": None,
        "inclusive": False,
        "jurisdiction": "Deutschland",
        "jurisdiction_level": "country",
        "livemode": False,
        "metadata": {},
        "percentage": 19.0,
        "rate_type": "percentage",
        "state": None,
        "tax_type": "vat",
        **members,
    }


def credit_note_line(**members: Any) -> dict[str, Any]:
    """Return a line of a credit note, which credits the line that line() returns."""
    return {
        "id": "cnli_1",
        "object": "credit_note_line_item",
        "amount": 1000,
        "description": "API calls",
        "discount_amount": 40,
        "discount_amounts": [{"amount": 40, "discount": "di_1"}],
        "invoice_line_item": "il_1",
        "livemode": False,
        "metadata": None,
        "pretax_credit_amounts": [],
        "quantity": 8000,
        "tax_rates": [],
        "taxes": [
            {
                "amount": 182,
                "tax_behavior": "exclusive",
                "tax_rate_details": {"tax_rate": "txr_1"},
                "taxability_reason": "standard_rated",
                "taxable_amount": 960,
                "type": "tax_rate_details",
            }
        ],
        "type": "invoice_line_item",
        "unit_amount": None,
        "unit_amount_decimal": "0.125",
        **members,
    }


def credit_note(**members: Any) -> dict[str, Any]:
    """Return a credit note of the invoice that invoice() returns, with one line and one refund."""
    return {
        "id": "cn_1",
        "object": "credit_note",
        "amount": 1142,
        "amount_shipping": 0,
        "created": CREATED,
        "currency": "usd",
        "customer": "cus_1",
        "customer_account": None,
        "customer_balance_transaction": None,
        "discount_amount": 40,
        "discount_amounts": [{"amount": 40, "discount": "di_1"}],
        "effective_at": CREATED,
        "invoice": "in_1",
        "lines": {"object": "list", "data": [credit_note_line()], "has_more": False, "url": "/"},
        "livemode": False,
        "memo": "Outage of Monday",
        "metadata": {},
        "number": "A-0001-CN-01",
        "out_of_band_amount": None,
        "pdf": "https://pay.stripe.com/credit_notes/cn_1/pdf",
        "post_payment_amount": 1000,
        "pre_payment_amount": 142,
        "pretax_credit_amounts": [],
        "reason": "product_unsatisfactory",
        "refunds": [
            {"amount_refunded": 1000, "payment_record_refund": None, "refund": "re_1", "type": "refund"}
        ],
        "shipping_cost": None,
        "status": "issued",
        "subtotal": 1000,
        "subtotal_excluding_tax": 1000,
        "total": 1142,
        "total_excluding_tax": 960,
        "total_taxes": [
            {
                "amount": 182,
                "tax_behavior": "exclusive",
                "tax_rate_details": None,
                "taxability_reason": "standard_rated",
                "taxable_amount": None,
                "type": "tax_rate_details",
            }
        ],
        "type": "mixed",
        "voided_at": None,
        **members,
    }


def invoice_payment(**members: Any) -> dict[str, Any]:
    """Return a payment of the invoice that invoice() returns."""
    return {
        "id": "inpay_1",
        "object": "invoice_payment",
        "amount_paid": 2856,
        "amount_requested": 2856,
        "created": CREATED,
        "currency": "usd",
        "invoice": "in_1",
        "is_default": True,
        "livemode": False,
        "payment": {"payment_intent": "pi_1", "type": "payment_intent"},
        "status": "paid",
        "status_transitions": {"canceled_at": None, "paid_at": CREATED + 5},
        **members,
    }


def invoice(**members: Any) -> dict[str, Any]:
    """Return an open invoice with one line."""
    return {
        "id": "in_1",
        "object": "invoice",
        "amount_due": 2856,
        "amount_paid": 0,
        "amount_remaining": 2856,
        "billing_reason": "subscription_cycle",
        "collection_method": "charge_automatically",
        "created": CREATED,
        "currency": "usd",
        "customer": "cus_1",
        "customer_address": None,
        "customer_email": "billing@example.com",
        "customer_name": "Ünïcode AG",
        "customer_tax_exempt": "none",
        "customer_tax_ids": [{"type": "eu_vat", "value": "DE123456789"}, {"type": "unknown", "value": None}],
        "description": None,
        "due_date": None,
        "footer": None,
        "lines": {"object": "list", "data": [line()], "has_more": False},
        "livemode": False,
        "number": "A-0001",
        "parent": {
            "type": "subscription_details",
            "quote_details": None,
            "subscription_details": {"metadata": {}, "subscription": "sub_1"},
        },
        "period_end": CREATED,
        "period_start": CREATED - 2_592_000,
        "starting_balance": 0,
        "status": "open",
        "status_transitions": {
            "finalized_at": CREATED,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
        "subtotal": 2500,
        "total": 2856,
        "total_discount_amounts": [{"amount": 100, "discount": "di_1"}],
        "total_excluding_tax": 2400,
        "total_taxes": [
            {
                "amount": 456,
                "tax_behavior": "exclusive",
                "tax_rate_details": None,
                "taxability_reason": "standard_rated",
                "taxable_amount": None,
                "type": "tax_rate_details",
            }
        ],
        **members,
    }
