"""Each change of shape that Stripe lists, with what is made of payloads from before it and after it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from billing.adapters.stripe.events import read_event
from billing.domain.catalogue import Price
from billing.domain.invoices import Invoice
from billing.domain.lifecycles import is_complete
from billing.domain.mirror import Mention, ObjectKind
from tests.fakes import more_payloads
from tests.fakes.stripe_payloads import event, invoice, item, line, subscription
from tests.unit.test_stripe_upgrades import acacia_invoice, invoice_of_2018, invoice_of_2019, without

if TYPE_CHECKING:
    from collections.abc import Callable

    from billing.domain.mirror import StripeEvent

type Json = dict[str, Any]
TRANSITIONS = {"finalized_at": 1, "marked_uncollectible_at": None, "paid_at": 2, "voided_at": None}
PAID = invoice(status="paid", status_transitions=TRANSITIONS)


def told(what: str, about: Json, version: str, **members: Any) -> StripeEvent:
    """Return what an event of this version says."""
    return read_event(event(what, about, api_version=version, **members))


def with_lines(about: Json, change: Callable[[Json], Json]) -> Json:
    return {**about, "lines": {**about["lines"], "data": [change(one) for one in about["lines"]["data"]]}}


@pytest.mark.parametrize(
    ("version", "request_"),
    [("2017-04-06", "req_1"), ("2017-05-25", {"id": "req_1", "idempotency_key": None}), ("2015-10-16", None)],
)
def test_who_asked_for_a_change_makes_no_difference(version: str, request_: object) -> None:
    """Given an event's request as a text, an object or none, when it is read, then it says the same."""
    paid = told("invoice.paid", invoice_of_2018(PAID), version, request=request_).content
    assert paid == told("invoice.paid", PAID, "2026-05-27.dahlia").content


def test_a_line_named_after_its_subscription_tells_that_and_not_its_own_id() -> None:
    """Given a line of before 2018-05-21, when read, then its id is its subscription."""
    old = with_lines(invoice_of_2018(PAID), lambda one: {**one, "id": "sub_1", "subscription": None})
    content = told("invoice.paid", old, "2018-02-28").content
    lacks = "invoice.lines.data[0].id: missing (in 2018-02-28)"
    assert content == Mention(ObjectKind.INVOICE, "in_1", lacks)
    both = with_lines(old, lambda one: {**one, "unique_id": "il_9"})
    read, today = (
        told("invoice.paid", both, "2018-02-28").content,
        read_event(event("invoice.paid", PAID)).content,
    )
    assert isinstance(read, Invoice)
    assert isinstance(today, Invoice)
    [as_it_is] = today.lines
    assert as_it_is.subscription == "sub_1"
    assert read.lines == (replace(as_it_is, id="il_9"),)


@pytest.mark.parametrize("old_id", ["sub_1", "su_1", "item_1", "sli_1", "ii_1"])
def test_an_old_id_of_a_line_is_not_taken_for_its_own(old_id: str) -> None:
    """Given a line of before 2019-12-03, when read, then only an id of today's form is its own."""
    old = with_lines(invoice_of_2019(PAID), lambda one: {**one, "id": old_id})
    assert isinstance(told("invoice.paid", old, "2019-02-19").content, Mention)
    new = with_lines(acacia_invoice(PAID), lambda one: {**one, "id": old_id})
    assert isinstance(told("invoice.paid", new, "2019-12-03").content, Invoice)


def test_taxes_of_a_percentage_are_asked_for() -> None:
    """Given an invoice of before there were tax rates, when read, then no rate is made of its percentage."""
    old = {**without(invoice_of_2018(PAID), "total_tax_amounts"), "tax_percent": 19.0, "tax": 399}
    lacks = "invoice.total_excluding_tax: missing (in 2018-02-28)"
    assert told("invoice.paid", old, "2018-02-28").content == Mention(ObjectKind.INVOICE, "in_1", lacks)


@pytest.mark.parametrize(("version", "shown"), [("2020-03-02", True), ("2020-08-27", False)])
def test_tiers_are_read_where_they_are_shown(version: str, shown: bool) -> None:
    """Given a tiered price, when its event shows the tiers, then it is whole; else it is fetched."""
    price = more_payloads.price(
        billing_scheme="tiered", tiers_mode="graduated", unit_amount=None, unit_amount_decimal=None
    )
    if shown:
        price["tiers"] = [
            {
                "up_to": None,
                "unit_amount": 5,
                "unit_amount_decimal": "5",
                "flat_amount": None,
                "flat_amount_decimal": None,
            }
        ]
    content = told("price.created", price, version).content
    assert isinstance(content, Price)
    assert is_complete(content) is shown


@pytest.mark.parametrize(
    ("since", "what", "before", "after"),
    [
        (
            "2024-04-10",
            "product.updated",
            {**more_payloads.product(), "features": [{"name": "Fast"}]},
            {**more_payloads.product(), "marketing_features": [{"name": "Fast"}]},
        ),
        (
            "2025-06-30.basil",
            "customer.subscription.updated",
            subscription(),
            {**subscription(), "billing_mode": {"type": "classic"}},
        ),
        (
            "2025-09-30.clover",
            "customer.subscription.updated",
            {**subscription(), "billing_mode": {"type": "classic"}},
            {**subscription(), "billing_mode": {"type": "flexible", "flexible": {}}},
        ),
        (
            "2026-03-25.dahlia",
            "invoice.paid",
            with_lines(PAID, lambda one: without({**one, "quantity": 3}, "quantity_decimal")),
            with_lines(PAID, lambda one: {**one, "quantity": 3, "quantity_decimal": "3"}),
        ),
        (
            "2026-09-30.endive",
            "customer.subscription.updated",
            subscription(),
            {**subscription(), "status_details": {"paused": None}},
        ),
    ],
)
def test_before_and_after_a_change_the_same_is_read(since: str, what: str, before: Json, after: Json) -> None:
    """Given one object told before a change and after it, when both are read, then they are equal (12)."""
    earlier = {"2024-04-10": "2023-10-16", "2025-06-30.basil": "2025-05-28.basil"}.get(
        since, "2025-08-27.basil"
    )
    if since == "2026-09-30.endive":
        earlier = "2026-05-27.dahlia"
    old, new = told(what, before, earlier).content, told(what, after, since).content
    assert not isinstance(new, Mention)
    assert old == new


def test_a_fraction_of_a_quantity_is_not_rounded() -> None:
    """Given a line of half a unit since 2026-03-25.dahlia, when read, then the quantity is exact."""
    half = with_lines(PAID, lambda _: line(quantity=1, quantity_decimal="0.5"))
    content = told("invoice.paid", half, "2026-03-25.dahlia").content
    assert isinstance(content, Invoice)
    assert str(content.lines[0].quantity) == "0.5"


def test_an_items_own_period_is_read_before_the_subscriptions() -> None:
    """Given a subscription that tells a period beside its items', when read in basil, then theirs count."""
    own = {**subscription(), "current_period_start": 1, "current_period_end": 2}
    assert (
        told("customer.subscription.updated", own, "2024-06-20").content
        == told(
            "customer.subscription.updated",
            {**subscription(), "items": {**own["items"], "data": [item()]}},
            "2025-03-31.basil",
        ).content
    )
