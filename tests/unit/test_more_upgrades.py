"""What is sold and how it is paid, in the shapes of older API versions."""

from __future__ import annotations

from typing import Any

import pytest

from billing.adapters.stripe.events import read_event
from billing.domain.mirror import Mention, ObjectKind, Unreadable
from tests.fakes import more_payloads as payloads
from tests.fakes.stripe_payloads import API_VERSION, event

type Json = dict[str, Any]


def content(what: str, about: Json, version: str | None = API_VERSION) -> Any:
    return read_event(event(what, about, api_version=version)).content


def without(members: Json, *names: str) -> Json:
    return {name: value for name, value in members.items() if name not in names}


def old_charge(told: Json) -> Json:
    """Return a charge of a card as it was before 2020."""
    old = without(told, "amount_captured", "payment_method", "payment_method_details", "payment_intent")
    return {**old, "source": {"id": "card_1", "object": "card"}}


WHOLE = payloads.charge(amount_refunded=0, payment_intent=None, payment_method="card_1")


@pytest.mark.parametrize(
    ("version", "what", "today", "then"),
    [
        ("2016-03-07", "charge.succeeded", WHOLE, old_charge(WHOLE)),
        ("2014-12-22", "charge.succeeded", WHOLE, {**old_charge(WHOLE), "status": "paid"}),
        ("2014-11-05", "charge.succeeded", WHOLE, without(old_charge(WHOLE), "status")),
        (
            "2016-03-07",
            "charge.refund.updated",
            payloads.refund(payment_intent=None),
            without(payloads.refund(), "payment_intent"),
        ),
        (
            "2017-08-15",
            "charge.dispute.created",
            payloads.dispute(payment_intent=None),
            without(payloads.dispute(), "payment_intent"),
        ),
        (
            "2018-11-08",
            "payment_intent.payment_failed",
            payloads.payment_intent(status="requires_payment_method"),
            {
                **without(payloads.payment_intent(), "latest_charge", "payment_method"),
                "charges": {"object": "list", "data": [{"id": "ch_1", "object": "charge"}]},
                "source": "pm_1",
                "status": "requires_source",
            },
        ),
        (
            "2022-08-01",
            "payment_intent.created",
            payloads.payment_intent(latest_charge=None),
            {
                **without(payloads.payment_intent(), "latest_charge"),
                "charges": {"object": "list", "data": []},
            },
        ),
        (
            "2020-08-27",
            "product.updated",
            payloads.product(tax_code=None, default_price=None),
            without(payloads.product(), "tax_code", "default_price"),
        ),
        (
            "2020-08-27",
            "price.updated",
            payloads.price(tax_behavior=None, recurring={**payloads.price()["recurring"], "meter": None}),
            {
                **without(payloads.price(), "tax_behavior"),
                "recurring": without(payloads.price()["recurring"], "meter"),
            },
        ),
        ("2018-01-23", "coupon.updated", payloads.coupon(name=None), without(payloads.coupon(), "name")),
        (
            "2025-08-27.basil",
            "customer.discount.updated",
            payloads.discount(),
            {**without(payloads.discount(), "source"), "coupon": payloads.coupon()},
        ),
        (
            "2024-06-20",
            "customer.discount.updated",
            payloads.discount(),
            {
                **without(payloads.discount(), "source", "checkout_session", "subscription_item"),
                "coupon": payloads.coupon(),
            },
        ),
        (
            "2018-05-21",
            "customer.discount.updated",
            payloads.discount(promotion_code=None),
            {
                **without(payloads.discount(), "source", "invoice", "invoice_item", "promotion_code"),
                "coupon": payloads.coupon(),
            },
        ),
        (
            "2020-03-02",
            "subscription_schedule.updated",
            payloads.schedule(phases=[payloads.phase(add_invoice_items=[])]),
            payloads.schedule(
                phases=[
                    {
                        **without(payloads.phase(), "items", "discounts", "add_invoice_items"),
                        "coupon": "LAUNCH",
                        "plans": [{"plan": "price_1", "quantity": None}],
                    }
                ]
            ),
        ),
    ],
)
def test_an_object_reads_alike_in_every_version(version: str, what: str, today: Json, then: Json) -> None:
    """Given one object in today's shape and in an old one, when both are read, then they are equal (12)."""
    read = content(what, then, version)
    assert not isinstance(read, Mention | Unreadable), read
    assert read == content(what, today)


@pytest.mark.parametrize(
    ("version", "what", "then", "lacks"),
    [
        (
            "2016-03-07",
            "charge.refunded",
            old_charge(payloads.charge()),
            "charge.amount_captured: missing (in 2016-03-07)",
        ),
        (
            "2022-08-01",
            "payment_intent.created",
            without(payloads.payment_intent(), "latest_charge"),
            "payment_intent.latest_charge: missing (in 2022-08-01)",
        ),
        (None, "coupon.created", payloads.coupon(), "api_version: missing"),
    ],
)
def test_what_an_old_payload_does_not_tell_is_asked_for(
    version: str | None, what: str, then: Json, lacks: str
) -> None:
    """Given an old payload that lacks something, when read, then nothing is made up (12)."""
    read = content(what, then, version)
    assert read == Mention(ObjectKind(then["object"]), then["id"], lacks)
