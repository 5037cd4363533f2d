"""Every endpoint of the stand-in, in one table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.stripe_standin import (
    catalogue,
    coupons,
    credit_notes,
    customers,
    disputes,
    event_destinations,
    events,
    invoice_items,
    invoice_lifecycle,
    invoice_lines,
    invoice_payments,
    invoices,
    meter_events,
    meters,
    payment_methods,
    payments,
    phases,
    refunds,
    renewals,
    schedules,
    subscription_items,
    subscription_lifecycle,
    subscriptions,
    tax_rates,
    webhook_endpoints,
)

if TYPE_CHECKING:
    from local.stripe_standin.call import Route

ROUTES: tuple[Route, ...] = (
    *customers.ROUTES,
    *catalogue.ROUTES,
    *tax_rates.ROUTES,
    *coupons.ROUTES,
    *meters.ROUTES,
    *meter_events.ROUTES,
    *subscriptions.ROUTES,
    *subscription_items.ROUTES,
    *subscription_lifecycle.ROUTES,
    *schedules.ROUTES,
    *invoice_items.ROUTES,
    *invoices.ROUTES,
    *invoice_lines.ROUTES,
    *invoice_lifecycle.ROUTES,
    *invoice_payments.ROUTES,
    *payments.ROUTES,
    *payment_methods.ROUTES,
    *refunds.ROUTES,
    *disputes.ROUTES,
    *credit_notes.ROUTES,
    *events.ROUTES,
    *event_destinations.ROUTES,
    *webhook_endpoints.ROUTES,
)

HELPER_ROUTES: tuple[Route, ...] = (
    *coupons.HELPER_ROUTES,
    *meter_events.HELPER_ROUTES,
    *renewals.HELPER_ROUTES,
    *phases.HELPER_ROUTES,
)
"""What Stripe does without a call of its API."""
