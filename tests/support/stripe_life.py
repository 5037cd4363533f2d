"""A life in which every endpoint of the stand-in of Stripe is used."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tests.fakes.more_payloads import tiered_price, tiers

if TYPE_CHECKING:
    from tests.fixtures.stripe_data import RunningStandin


def live_a_whole_life(standin: RunningStandin) -> None:
    """Use every endpoint of the stand-in through stripe-python."""
    api = standin.client().v1
    customer = api.customers.create(
        {
            "name": "Acme",
            "email": "acme@example.com",
            "address": {"country": "DE", "city": "Köln"},
            "preferred_locales": ["de"],
            "tax_id_data": [{"type": "eu_vat", "value": "DE123456789"}],
            "metadata": {"a": "b"},
            "payment_method": "pm_card_visa",
            "invoice_settings": {"default_payment_method": "pm_card_visa", "footer": "Danke"},
        }
    ).id
    api.customers.update(customer, {"phone": "1", "metadata": {"a": ""}, "tax_exempt": "reverse"})
    api.customers.retrieve(customer)
    api.customers.list({"email": "acme@example.com", "created": {"gte": 1}})
    api.customers.tax_ids.create(customer, {"type": "ch_vat", "value": "CHE-123.456.789 MWST"})
    api.customers.tax_ids.list(customer)
    product = api.products.create({"name": "Plan", "id": "prod_life", "unit_label": "seat"}).id
    api.products.retrieve(product)
    api.products.list({"active": True})
    monthly = api.prices.create(
        {
            "currency": "eur",
            "product": product,
            "unit_amount": 4900,
            "recurring": {"interval": "month"},
            "lookup_key": "life",
        }
    ).id
    once = api.prices.create({"currency": "eur", "product": product, "unit_amount_decimal": "0.5"}).id
    api.prices.update(once, {"nickname": "Once", "active": False, "tax_behavior": "exclusive"})
    api.products.update(product, {"name": "The plan", "metadata": {"a": "b"}})
    api.products.delete(api.products.create({"name": "Spare"}).id)
    api.prices.retrieve(once)
    api.prices.list({"lookup_keys": ["life"]})
    rate = api.tax_rates.create(
        {"display_name": "USt.", "inclusive": False, "percentage": 19, "country": "DE", "tax_type": "vat"}
    ).id
    api.tax_rates.retrieve(rate)
    api.tax_rates.list({"active": True})
    coupon = api.coupons.create({"percent_off": 10, "duration": "once", "name": "Launch"}).id
    api.coupons.retrieve(coupon)
    live_discounts(standin, api, customer, monthly)
    live_meters(api, product)
    live_meter_events(standin, api, customer)
    live_event_destinations(standin)
    live_schedules(standin, api, customer, monthly)
    live_subscriptions(api, customer, monthly)
    live_invoices(api, customer, once, rate, coupon)
    live_events(api)
    live_cards(api, customer)
    live_refunds(api, customer)
    live_disputes(api, customer)
    live_payments(standin, api)
    api.customers.delete(customer)
    api.customers.retrieve(customer)


def live_subscriptions(api: Any, customer: str, price: str) -> None:
    charged = api.subscriptions.create({"customer": customer, "items": [{"price": price, "quantity": 2}]})
    api.subscription_items.list({"subscription": charged.id})
    metered = api.prices.list({"lookup_keys": ["metered"]}).data[0].id
    api.subscription_items.create(
        {"subscription": charged.id, "price": metered, "proration_behavior": "none"}
    )
    item = charged["items"].data[0].id
    api.subscriptions.update(
        charged.id, {"items": [{"id": item, "quantity": 5}], "proration_behavior": "none"}
    )
    api.subscriptions.update(charged.id, {"cancel_at_period_end": True})
    api.subscriptions.retrieve(charged.id, {"expand": ["latest_invoice", "items.data.price.product"]})
    api.subscriptions.cancel(charged.id)
    api.subscriptions.list({"customer": customer, "status": "all"})


def live_invoices(api: Any, customer: str, price: str, rate: str, coupon: str) -> None:
    recurring = api.prices.list({"lookup_keys": ["life"]}).data[0].id
    subscription = api.subscriptions.create(
        {
            "customer": customer,
            "items": [{"price": recurring}],
            "collection_method": "send_invoice",
            "days_until_due": 14,
            "default_tax_rates": [rate],
        }
    ).id
    pending = {"customer": customer, "subscription": subscription, "pricing": {"price": price}, "quantity": 3}
    item = api.invoice_items.create(pending).id
    api.invoice_items.retrieve(item)
    api.invoice_items.list({"customer": customer, "pending": True})
    spare = api.invoice_items.create(pending).id
    api.invoice_items.delete(spare)
    invoice = api.invoices.create(
        {
            "customer": customer,
            "subscription": subscription,
            "collection_method": "send_invoice",
            "days_until_due": 30,
            "default_tax_rates": [rate],
            "discounts": [{"coupon": coupon}],
        }
    ).id
    lines = [{"amount": 100 + n, "description": f"Line {n}"} for n in range(15)]
    api.invoices.add_lines(invoice, {"lines": lines})
    api.invoices.update(invoice, {"description": "Memo", "metadata": {"k": "v"}})
    api.invoices.finalize_invoice(invoice)
    api.invoices.line_items.list(invoice, {"limit": 3})
    api.invoices.pay(invoice, {"paid_out_of_band": True})
    api.invoices.retrieve(invoice, {"expand": ["customer", "discounts", "lines.data.discounts"]})
    api.invoices.list({"customer": customer, "status": "paid", "subscription": subscription})
    live_credit_notes(api, customer, rate)
    api.invoices.delete(api.invoices.create({"customer": customer}).id)
    lost = api.invoices.create({"customer": customer}).id
    data = {"currency": "eur", "product": "prod_life", "unit_amount": 700}
    api.invoice_items.create({"customer": customer, "invoice": lost, "price_data": data})
    api.invoices.finalize_invoice(lost)
    api.invoices.mark_uncollectible(lost)
    api.invoices.void_invoice(lost)


def live_credit_notes(api: Any, customer: str, rate: str) -> None:
    charged = api.invoices.create({"customer": customer, "default_tax_rates": [rate]}).id
    lines = [{"amount": 1000 + n, "description": f"Line {n}"} for n in range(12)]
    api.invoices.add_lines(charged, {"lines": lines})
    api.invoices.finalize_invoice(charged)
    open_note = api.credit_notes.create({"invoice": charged, "amount": 500, "reason": "duplicate"}).id
    api.credit_notes.void_credit_note(open_note)
    billed = [line.id for line in api.invoices.line_items.list(charged, {"limit": 100}).data]
    credited = [{"type": "invoice_line_item", "invoice_line_item": line, "amount": 1000} for line in billed]
    api.credit_notes.create({"invoice": charged, "lines": credited[:1], "memo": "Outage"})
    api.invoices.pay(charged)
    custom = {"type": "custom_line_item", "unit_amount": 100, "quantity": 2, "tax_rates": [rate]}
    whole = {**credited[0], "quantity": 1, "invoice_line_item": billed[1]}
    del whole["amount"]
    note = api.credit_notes.create(
        {
            "invoice": charged,
            "lines": [custom, whole, *credited[3:]],
            "refund_amount": 10_000,
            "credit_amount": 2_000,
            "out_of_band_amount": 139,
            "metadata": {"k": "v"},
        }
    ).id
    api.credit_notes.retrieve(note, {"expand": ["invoice", "customer"]})
    api.credit_notes.line_items.list(note, {"limit": 5})
    api.credit_notes.list({"invoice": charged, "customer": customer})
    payment = api.invoice_payments.list({"invoice": charged, "status": "paid"}).data[0].id
    api.invoice_payments.retrieve(payment)


def live_discounts(standin: RunningStandin, api: Any, customer: str, price: str) -> None:
    coupon = api.coupons.create({"amount_off": 100, "currency": "eur", "id": "LIFE"}).id
    api.coupons.update(coupon, {"name": "For life"})
    for _ in range(2):
        standin.form(f"/_standin/customers/{customer}/discount", {"coupon": coupon})
    api.customers.list({"expand": ["data.discount.source.coupon"]})
    api.customers.delete_discount(customer)
    discounts = [{"coupon": coupon}]
    lasting = api.subscriptions.create(
        {"customer": customer, "items": [{"price": price, "discounts": discounts}], "discounts": discounts}
    )
    [item] = lasting["items"].data
    changed = [{"id": item.id, "discounts": discounts}]
    lasting = lasting.id
    api.subscriptions.update(
        lasting, {"discounts": discounts, "items": changed, "proration_behavior": "none"}
    )
    api.subscriptions.list({"expand": ["data.discounts.source.coupon", "data.items.data.discounts"]})
    api.subscription_items.list({"subscription": lasting, "expand": ["data.discounts.source.coupon"]})
    api.subscriptions.delete_discount(lasting)
    api.subscriptions.cancel(lasting)
    api.coupons.delete(coupon)
    api.coupons.create({"percent_off": 5, "id": "LIFE"})


def live_meters(api: Any, product: str) -> None:
    meter = api.billing.meters.create(
        {
            "display_name": "Calls",
            "event_name": "calls",
            "default_aggregation": {"formula": "sum"},
            "customer_mapping": {"type": "by_id", "event_payload_key": "customer"},
            "value_settings": {"event_payload_key": "n"},
            "event_time_window": "hour",
        }
    ).id
    api.billing.meters.update(meter, {"display_name": "API calls"})
    api.billing.meters.deactivate(meter)
    api.billing.meters.list({"status": "inactive"})
    api.billing.meters.reactivate(meter)
    api.billing.meters.retrieve(meter)
    api.prices.create(
        {
            "currency": "eur",
            "product": product,
            "recurring": {"interval": "month", "usage_type": "metered", "meter": meter},
            "billing_scheme": "tiered",
            "tiers_mode": "graduated",
            "tiers": [{"up_to": 1000, "unit_amount": 0}, {"up_to": "inf", "unit_amount_decimal": "0.12"}],
            "lookup_key": "metered",
        }
    )


def live_meter_events(standin: RunningStandin, api: Any, customer: str) -> None:
    sent = standin.client().v2.billing.meter_events.create(
        {"event_name": "calls", "identifier": "life", "payload": {"customer": customer, "n": "7"}}
    )
    meter = api.billing.meters.list().data[0].id
    now = int(time.time()) // 3_600 * 3_600
    hour = {"start_time": now - 3_600, "end_time": now + 3_600, "value_grouping_window": "hour"}
    api.billing.meters.event_summaries.list(meter, {"customer": customer, **hour})
    refused = standin.form(
        "/_standin/meter_events/refuse",
        {"identifier": sent.identifier, "code": "meter_event_value_not_found", "message": "No."},
    )
    standin.client().v2.core.events.retrieve(refused["id"])
    standin.client().v2.core.events.list({"limit": 1})


def live_event_destinations(standin: RunningStandin) -> None:
    """Make a destination of thin events, change it and remove it."""
    destinations = standin.client().v2.core.event_destinations
    made = destinations.create(
        {
            "name": "Life",
            "type": "webhook_endpoint",
            "event_payload": "thin",
            "enabled_events": ["v1.billing.meter.error_report_triggered"],
            "webhook_endpoint": {"url": "https://example.com/thin"},
            "include": ["webhook_endpoint.signing_secret"],
        }
    ).id
    destinations.retrieve(made)
    destinations.list({"limit": 1})
    destinations.update(made, {"description": "Usage that Stripe refused"})
    destinations.disable(made)
    destinations.enable(made)
    destinations.delete(made)


def live_schedules(standin: RunningStandin, api: Any, customer: str, price: str) -> None:
    schedules = api.subscription_schedules
    subscription = api.subscriptions.create({"customer": customer, "items": [{"price": price}]}).id
    released = schedules.create({"from_subscription": subscription}).id
    schedules.release(released)
    ended = schedules.create({"from_subscription": subscription, "end_behavior": "cancel"})
    first = {"items": [{"price": price, "quantity": 2}], "end_date": ended.phases[0].end_date}
    second = {"items": [{"price": price}], "duration": {"interval": "month", "interval_count": 3}}
    schedules.update(ended.id, {"phases": [first, second], "metadata": {"k": "v"}})
    schedules.cancel(ended.id)
    later = {"customer": customer, "start_date": int(time.time()) + 86_400, "phases": [second, second]}
    for end in ("cancel", "release"):
        begun = schedules.create({**later, "end_behavior": end}).id
        for _ in ("it begins", "its second phase begins", "it ends"):
            standin.form(f"/_standin/subscription_schedules/{begun}/advance", {})
            api.subscriptions.list({"customer": customer, "status": "all"})
            api.invoices.list({"customer": customer})
            schedules.retrieve(begun)
    schedules.list({"customer": customer})


def live_cards(api: Any, customer: str) -> None:
    method = api.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    api.payment_methods.update(method, {"card": {"exp_month": 3, "exp_year": 2035}})
    api.payment_methods.retrieve(api.payment_methods.list({"customer": customer, "type": "card"}).data[0].id)
    api.payment_methods.detach(method)


def charged(api: Any, customer: str, card: str) -> str:
    """Return the id of a charge of 5.00 to a test card."""
    invoice = api.invoices.create({"customer": customer, "currency": "eur"}).id
    api.invoices.add_lines(invoice, {"lines": [{"amount": 500, "description": "One"}]})
    api.invoices.pay(invoice, {"payment_method": card})
    [payment] = api.invoice_payments.list({"invoice": invoice}).data
    return str(api.payment_intents.retrieve(payment.payment.payment_intent).latest_charge)


def live_refunds(api: Any, customer: str) -> None:
    failing = charged(api, customer, "pm_card_refundFail")
    refund = api.refunds.create({"charge": failing, "amount": 200, "reason": "duplicate"}).id
    api.refunds.create({"payment_intent": api.charges.retrieve(failing).payment_intent})
    api.refunds.update(refund, {"metadata": {"k": "v"}})
    api.refunds.retrieve(refund, {"expand": ["charge"]})
    waiting = api.refunds.create({"charge": charged(api, customer, "pm_card_pendingRefund")}).id
    api.refunds.update(waiting, {"metadata": {"k": "v"}})
    api.refunds.list({"charge": failing})


def live_disputes(api: Any, customer: str) -> None:
    disputes = [
        disputed(api, customer, text) for text in ("winning_evidence", "losing_evidence", "more later")
    ]
    api.disputes.close(disputes[-1])
    api.disputes.retrieve(disputes[-1])


def disputed(api: Any, customer: str, text: str) -> str:
    charge = charged(api, customer, "pm_card_createDispute")
    [dispute] = api.disputes.list({"charge": charge}).data
    api.disputes.update(dispute.id, {"evidence": {"uncategorized_text": text}, "metadata": {"k": "v"}})
    return str(dispute.id)


def live_payments(standin: RunningStandin, api: Any) -> None:
    standin.load(tiered_price(tiers=tiers()))
    intent = api.payment_intents.list({"created": {"gte": 1}}).data[0]
    api.payment_intents.retrieve(intent.id, {"expand": ["latest_charge"]})
    api.charges.retrieve(api.charges.list({"payment_intent": intent.id}).data[0].id)
    api.coupons.list({"created": {"gte": 1}})
    api.prices.retrieve("price_1", {"expand": ["tiers"]})
    api.prices.list({"expand": ["data.tiers"], "product": "prod_1"})


def live_events(api: Any) -> None:
    for event in api.events.list({"limit": 100, "created": {"lte": int(time.time())}}).auto_paging_iter():
        api.events.retrieve(event.id)
    api.events.list({"type": "invoice.paid"})
    url = "http://127.0.0.1:1/"
    endpoint = api.webhook_endpoints.create({"url": url, "enabled_events": ["invoice.voided"]}).id
    api.webhook_endpoints.retrieve(endpoint)
    api.webhook_endpoints.update(endpoint, {"disabled": True})
    api.webhook_endpoints.list()
    api.webhook_endpoints.delete(endpoint)
