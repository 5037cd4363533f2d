"""An `invoice.paid` of 2026-05-27.dahlia as Stripe sends it: every member, three lines, a tax, a discount."""

from __future__ import annotations

import json
from typing import Any

API_VERSION = "2026-05-27.dahlia"
CREATED = 1_780_000_000
SECRET = "whsec_bench"  # noqa: S105 - signs what the bench sends to itself
_MONTH = 2_592_000
_TEMPLATE = "00000000"


def paid_event() -> str:
    """Return the event's JSON with a number of eight zeros wherever an id is the event's own."""
    return json.dumps(_event(), indent=2)


def numbered(template: str, number: str) -> bytes:
    """Return the event as another one, about another invoice; `number` has eight characters."""
    return template.replace(_TEMPLATE, number).encode()


def _event() -> dict[str, Any]:
    return {
        "id": f"evt_1SBenchEvent{_TEMPLATE}",
        "object": "event",
        "api_version": API_VERSION,
        "created": CREATED + 3700,
        "data": {"object": _invoice(), "previous_attributes": None},
        "livemode": True,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": "invoice.paid",
    }


def _invoice() -> dict[str, Any]:
    lines = [_line(n) for n in range(3)]
    nothing = (
        "application default_payment_method default_source description due_date ending_balance footer "
        "from_invoice last_finalization_error latest_revision next_payment_attempt on_behalf_of "
        "receipt_number rendering shipping_cost shipping_details statement_descriptor test_clock "
        "webhooks_delivered_at automatically_finalizes_at customer_phone customer_shipping customer_account"
    )
    return {
        "id": f"in_1SBenchInvoice{_TEMPLATE}",
        "object": "invoice",
        **dict.fromkeys(nothing.split()),
        "account_country": "DE",
        "account_name": "Acme Cloud GmbH",
        "account_tax_ids": ["atxi_1SBenchTaxId000"],
        "amount_due": 16065,
        "amount_overpaid": 0,
        "amount_paid": 16065,
        "amount_remaining": 0,
        "amount_shipping": 0,
        "attempt_count": 1,
        "attempted": True,
        "auto_advance": False,
        "automatic_tax": {
            "enabled": True,
            "liability": {"type": "self"},
            "provider": "stripe",
            "status": "complete",
        },
        "billing_reason": "subscription_cycle",
        "collection_method": "charge_automatically",
        "created": CREATED,
        "currency": "eur",
        "custom_fields": [{"name": "Purchase order", "value": "PO-2026-0042"}],
        "customer": "cus_SBenchCustomer01",
        "customer_address": {
            "city": "Berlin",
            "country": "DE",
            "line1": "Hauptstraße 1",
            "line2": None,
            "postal_code": "10115",
            "state": None,
        },
        "customer_email": "buchhaltung@example.com",
        "customer_name": "Müller & Söhne GmbH",
        "customer_tax_exempt": "none",
        "customer_tax_ids": [{"type": "eu_vat", "value": "DE123456789"}],
        "default_tax_rates": [],
        "discounts": ["di_1SBenchDiscount0"],
        "hosted_invoice_url": f"https://invoice.stripe.com/i/acct_1/live_{'x' * 120}",
        "invoice_pdf": f"https://pay.stripe.com/invoice/acct_1/live_{'x' * 120}/pdf",
        "issuer": {"type": "self"},
        "lines": {
            "object": "list",
            "data": lines,
            "has_more": False,
            "total_count": len(lines),
            "url": f"/v1/invoices/in_1SBenchInvoice{_TEMPLATE}/lines",
        },
        "livemode": True,
        "metadata": {"order": "42"},
        "number": f"BENCH-{_TEMPLATE}",
        "parent": {
            "type": "subscription_details",
            "quote_details": None,
            "subscription_details": {"metadata": {}, "subscription": "sub_1SBenchSubscription"},
        },
        "payment_settings": {
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": ["card", "sepa_debit"],
        },
        "period_end": CREATED,
        "period_start": CREATED - _MONTH,
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "starting_balance": 0,
        "status": "paid",
        "status_transitions": {
            "finalized_at": CREATED + 3600,
            "marked_uncollectible_at": None,
            "paid_at": CREATED + 3700,
            "voided_at": None,
        },
        "subtotal": 15000,
        "subtotal_excluding_tax": 15000,
        "total": 16065,
        "total_discount_amounts": [{"amount": 1500, "discount": "di_1SBenchDiscount0"}],
        "total_excluding_tax": 13500,
        "total_pretax_credit_amounts": [],
        "total_taxes": [_tax(2565, 13500)],
    }


def _line(number: int) -> dict[str, Any]:
    return {
        "id": f"il_1SBenchLine{number}{_TEMPLATE}",
        "object": "line_item",
        "amount": 5000,
        "currency": "eur",
        "description": f"{number + 1} x Team seat (at €50.00 / month)",
        "discount_amounts": [{"amount": 500, "discount": "di_1SBenchDiscount0"}],
        "discountable": True,
        "discounts": [],
        "invoice": f"in_1SBenchInvoice{_TEMPLATE}",
        "livemode": True,
        "metadata": {},
        "parent": {
            "type": "subscription_item_details",
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": False,
                "proration_details": {"credited_items": None},
                "subscription": "sub_1SBenchSubscription",
                "subscription_item": f"si_SBenchItem{number}",
            },
        },
        "period": {"end": CREATED + _MONTH, "start": CREATED},
        "pretax_credit_amounts": [],
        "pricing": {
            "type": "price_details",
            "price_details": {"price": f"price_1SBench{number}", "product": f"prod_SBench{number}"},
            "unit_amount_decimal": "5000",
        },
        "quantity": 1,
        "quantity_decimal": "1",
        "taxes": [_tax(855, 4500)],
    }


def _tax(amount: int, taxable: int) -> dict[str, Any]:
    return {
        "amount": amount,
        "tax_behavior": "exclusive",
        "tax_rate_details": {"tax_rate": "txr_1SBenchRate19"},
        "taxability_reason": "standard_rated",
        "taxable_amount": taxable,
        "type": "tax_rate_details",
    }
