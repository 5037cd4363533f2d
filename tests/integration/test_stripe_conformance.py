"""The stand-in answers, and takes, only what Stripe's OpenAPI allows; and the checker can tell."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import stripe

from local.stripe_standin.server import ROUTES
from tests.fakes.more_payloads import (
    dispute,
    meter,
    payment_method,
    refund,
    schedule,
    tiered_price,
    tiers,
)
from tests.fixtures.stripe_data import running_standin
from tests.support.webhook_receiver import receiving

if TYPE_CHECKING:
    from local.stripe_standin.call import Route
    from local.stripe_standin.server import Exchange
    from tests.fixtures.stripe_data import RunningStandin
    from tests.support.stripe_openapi import Recorder, Spec


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
    api.prices.retrieve(once)
    api.prices.list({"lookup_keys": ["life"]})
    rate = api.tax_rates.create(
        {"display_name": "USt.", "inclusive": False, "percentage": 19, "country": "DE", "tax_type": "vat"}
    ).id
    api.tax_rates.retrieve(rate)
    api.tax_rates.list({"active": True})
    coupon = api.coupons.create({"percent_off": 10, "duration": "once", "name": "Launch"}).id
    api.coupons.retrieve(coupon)
    live_subscriptions(api, customer, monthly)
    live_invoices(api, customer, once, rate, coupon)
    live_events(api)
    live_payments(standin, api)
    api.customers.delete(customer)
    api.customers.retrieve(customer)


def live_subscriptions(api: Any, customer: str, price: str) -> None:
    charged = api.subscriptions.create({"customer": customer, "items": [{"price": price, "quantity": 2}]})
    api.subscription_items.list({"subscription": charged.id})
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


def live_payments(standin: RunningStandin, api: Any) -> None:
    kept = (payment_method(), refund(), dispute(), schedule(), meter(), tiered_price(tiers=tiers()))
    standin.load(*kept)
    intent = api.payment_intents.list({"created": {"gte": 1}}).data[0]
    api.payment_intents.retrieve(intent.id, {"expand": ["latest_charge"]})
    api.charges.retrieve(api.charges.list({"payment_intent": intent.id}).data[0].id)
    api.payment_methods.retrieve(api.payment_methods.list({"type": "card"}).data[0].id)
    api.refunds.retrieve(api.refunds.list({"charge": "ch_1"}).data[0].id)
    api.disputes.retrieve(api.disputes.list({"charge": "ch_1"}).data[0].id)
    api.subscription_schedules.retrieve(api.subscription_schedules.list({"customer": "cus_1"}).data[0].id)
    api.billing.meters.retrieve(api.billing.meters.list({"status": "active"}).data[0].id)
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


@pytest.fixture(scope="module")
def exchanges() -> list[Exchange]:
    """Return what is said when every endpoint of the stand-in is used."""
    said: list[Exchange] = []
    with running_standin() as standin:
        standin.observers.append(said.append)
        live_a_whole_life(standin)
    return said


def test_every_request_and_every_answer_validates(exchanges: list[Exchange], stripe_spec: Spec) -> None:
    """Given every endpoint used by stripe-python, when checked, then neither side breaks the OpenAPI."""
    assert [found for exchange in exchanges for found in stripe_spec.violations(exchange)] == []


def test_no_endpoint_goes_unchecked(exchanges: list[Exchange]) -> None:
    """Given the stand-in's table of endpoints, when compared with what was used, then none is left over."""

    def used(route: Route) -> bool:
        return any(
            exchange.method == route.method and route.match(exchange.path) is not None
            for exchange in exchanges
            if exchange.status == 200
        )

    assert [f"{route.method} {route.pattern}" for route in ROUTES if not used(route)] == []


def test_refusals_have_the_shape_of_stripes_errors(
    stripe_standin: RunningStandin, recorder: Recorder
) -> None:
    """Given refused requests, when their answers are checked, then they are Stripe's error objects."""
    api = stripe_standin.client().v1
    with pytest.raises(stripe.InvalidRequestError):
        api.customers.retrieve("cus_no")
    with pytest.raises(stripe.InvalidRequestError):
        api.invoices.list({"limit": 0})
    with pytest.raises(stripe.InvalidRequestError):
        api.prices.create({"currency": "usd"})

    assert {status for _, _, status in recorder.seen} == {400, 404}
    assert recorder.violations == []


def test_delivered_events_validate(stripe_spec: Spec) -> None:
    """Given deliveries of many types, when the events are checked, then they and their objects validate."""
    with receiving() as receiver, running_standin() as standin:
        standin.deliver_to(receiver.url, "whsec_x")
        live_a_whole_life(standin)
        arrived = receiver.wait_for(
            lambda received: any(each.event["type"] == "customer.deleted" for each in received)
        )

    assert len({each.event["type"] for each in arrived}) > 15
    assert [found for each in arrived for found in stripe_spec.event_violations(each.event)] == []


def test_the_standin_takes_no_parameter_that_stripe_lacks(stripe_spec: Spec) -> None:
    """Given every endpoint's parameters, when compared with the OpenAPI, then Stripe has them all."""
    unknown = [
        f"{route.method} {route.pattern}: {name}"
        for route in ROUTES
        for name in route.params.fields
        if name not in stripe_spec.parameters(route.method, re.sub(r"\{\w+\}", "x", route.pattern))
    ]

    assert unknown == []


def an_exchange(exchanges: list[Exchange], method: str, path: str) -> Exchange:
    return next(each for each in exchanges if (each.method, each.path) == (method, path))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"form": "nme=x"}, "nme"),
        ({"form": "balance=much"}, "balance"),
        ({"form": "address[planet]=x"}, "address"),
        ({"query": "limit=1"}, "limit"),
        ({"path": "/v1/custumers"}, "not in Stripe's OpenAPI"),
    ],
)
def test_the_checker_finds_a_wrong_request(
    exchanges: list[Exchange], stripe_spec: Spec, change: dict[str, Any], said: str
) -> None:
    """Given a request that breaks the OpenAPI, when checked, then the violation names what."""
    broken = replace(an_exchange(exchanges, "POST", "/v1/customers"), **change)

    (violation, *_) = stripe_spec.violations(broken)

    assert violation.side == "request"
    assert said in violation.detail


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"created": "today"}, "created"),
        ({"livemode": None}, "livemode"),
        ({"subscription": "sub_1"}, "subscription"),
        ({"tax_exempt": "maybe"}, "tax_exempt"),
        ({"address": {"planet": "x"}}, "address"),
    ],
)
def test_the_checker_finds_a_wrong_answer(
    exchanges: list[Exchange], stripe_spec: Spec, change: dict[str, Any], said: str
) -> None:
    """Given an answer that breaks the OpenAPI, when checked, then the violation names what."""
    exchange = an_exchange(exchanges, "POST", "/v1/customers")
    broken = replace(exchange, answer={**exchange.answer, **change})

    (violation, *_) = stripe_spec.violations(broken)

    assert violation.side == "answer"
    assert said in violation.detail


def test_the_checker_finds_a_missing_field(exchanges: list[Exchange], stripe_spec: Spec) -> None:
    """Given an answer without a required field, when checked, then the violation names it."""
    exchange = an_exchange(exchanges, "POST", "/v1/customers")
    broken = replace(exchange, answer={k: v for k, v in exchange.answer.items() if k != "created"})

    assert "created" in stripe_spec.violations(broken)[0].detail
