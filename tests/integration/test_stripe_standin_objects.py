"""Objects in the stand-in of Stripe live as they do at Stripe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import stripe

from billing.adapters.stripe.objects import StripeApi
from billing.domain.mirror import ObjectKind
from tests.fakes import more_objects as objects
from tests.fakes import more_payloads as payloads
from tests.fakes.more_payloads import tiered_price, tiers
from tests.fixtures.stripe_data import API_KEY

if TYPE_CHECKING:
    from billing.domain.mirror import Snapshot
    from tests.fixtures.stripe_data import RunningStandin

FETCHED: list[tuple[ObjectKind, dict[str, Any], Snapshot]] = [
    (ObjectKind.PRODUCT, payloads.product(), objects.PRODUCT),
    (ObjectKind.PRICE, payloads.price(), objects.PRICE),
    (ObjectKind.PRICE, tiered_price(tiers=tiers()), objects.TIERED_PRICE),
    (ObjectKind.COUPON, payloads.coupon(), objects.COUPON),
    (ObjectKind.METER, payloads.meter(), objects.METER),
    (ObjectKind.SCHEDULE, payloads.schedule(), objects.SCHEDULE),
    (ObjectKind.PAYMENT_INTENT, payloads.payment_intent(), objects.PAYMENT_INTENT),
    (ObjectKind.CHARGE, payloads.charge(), objects.CHARGE),
    (ObjectKind.PAYMENT_METHOD, payloads.payment_method(), objects.PAYMENT_METHOD),
    (ObjectKind.REFUND, payloads.refund(), objects.REFUND),
    (ObjectKind.DISPUTE, payloads.dispute(), objects.DISPUTE),
]


def draft(standin: RunningStandin, lines: int, **params: Any) -> str:
    """Return the id of a draft with this many lines of 1 to n cents."""
    api = standin.client().v1
    customer = api.customers.create({"name": "Anna"})
    invoice = api.invoices.create({"customer": customer.id, "currency": "usd", **params})
    if lines:
        entries = [{"amount": cents, "description": f"{cents}"} for cents in range(1, lines + 1)]
        api.invoices.add_lines(invoice.id, {"lines": entries})
    return str(invoice.id)


def test_an_invoice_embeds_ten_lines_and_pages_the_rest(stripe_standin: RunningStandin) -> None:
    """Given 25 lines, when the invoice is read, then ten are embedded, and paging gives all in order."""
    api = stripe_standin.client().v1
    invoice = api.invoices.retrieve(draft(stripe_standin, 25))

    lines = list(api.invoices.line_items.list(invoice.id, {"limit": 7}).auto_paging_iter())

    assert len(invoice.lines.data) == 10
    assert invoice.lines.has_more
    assert [each.amount for each in lines] == list(range(1, 26))
    assert invoice.total == sum(range(1, 26))


def test_an_invoice_goes_from_draft_to_paid_with_stripes_events(stripe_standin: RunningStandin) -> None:
    """Given a draft, when finalized and paid by card, then its events come in Stripe's order."""
    api = stripe_standin.client().v1
    invoice = draft(stripe_standin, 1)
    api.invoices.finalize_invoice(invoice)

    paid = api.invoices.pay(invoice, {"payment_method": "pm_card_visa"})

    types = [event.type for event in api.events.list({"limit": 100}) if event.data.object["id"] == invoice]
    assert (paid.status, paid.amount_paid, paid.amount_remaining) == ("paid", 1, 0)
    assert types == [
        "invoice.payment_succeeded",
        "invoice.paid",
        "invoice.updated",
        "invoice.finalized",
        "invoice.updated",
        "invoice.updated",
        "invoice.created",
    ]


def test_an_update_tells_what_it_changed(stripe_standin: RunningStandin) -> None:
    """Given a customer, when one metadata key changes, then previous_attributes has just that key."""
    api = stripe_standin.client().v1
    customer = api.customers.create({"metadata": {"a": "1", "b": "2"}, "name": "N"})

    api.customers.update(customer.id, {"metadata": {"a": "3"}})

    event = api.events.list({"limit": 1, "type": "customer.updated"}).data[0].to_dict()
    assert event["data"]["previous_attributes"] == {"metadata": {"a": "1"}}


def test_a_declined_card_leaves_a_failed_attempt(stripe_standin: RunningStandin) -> None:
    """Given a card that is declined, when charged, then 402, and the attempt and its event are kept."""
    api = stripe_standin.client().v1
    invoice = draft(stripe_standin, 1)
    api.invoices.finalize_invoice(invoice)

    with pytest.raises(stripe.CardError) as refused:
        api.invoices.pay(invoice, {"payment_method": "pm_card_visa_chargeDeclined"})

    assert refused.value.code == "card_declined"
    assert api.invoices.retrieve(invoice).attempt_count == 1
    assert api.events.list({"limit": 1}).data[0].type == "invoice.payment_failed"


@pytest.mark.parametrize("step", ["finalize", "add_lines", "delete"])
def test_a_finalized_invoice_never_changes(stripe_standin: RunningStandin, step: str) -> None:
    """Given an open invoice, when treated as a draft, then it is refused and stays as it is."""
    api = stripe_standin.client().v1
    invoice = draft(stripe_standin, 1)
    before = api.invoices.finalize_invoice(invoice).to_dict()
    steps = {
        "finalize": lambda: api.invoices.finalize_invoice(invoice),
        "add_lines": lambda: api.invoices.add_lines(invoice, {"lines": [{"amount": 1}]}),
        "delete": lambda: api.invoices.delete(invoice),
    }

    with pytest.raises(stripe.InvalidRequestError):
        steps[step]()

    assert api.invoices.retrieve(invoice).to_dict() == before


def test_a_refused_subscription_leaves_nothing_behind(stripe_standin: RunningStandin) -> None:
    """Given a customer without a card, when subscribed to be charged, then neither object nor event."""
    api = stripe_standin.client().v1
    product = api.products.create({"name": "P"})
    price = api.prices.create(
        {"currency": "usd", "product": product.id, "unit_amount": 5, "recurring": {"interval": "month"}}
    )
    customer = api.customers.create({})
    newest = api.events.list({"limit": 1}).data[0].id

    with pytest.raises(stripe.InvalidRequestError):
        api.subscriptions.create({"customer": customer.id, "items": [{"price": price.id}]})

    assert api.subscriptions.list({"customer": customer.id}).data == []
    assert api.invoices.list({"customer": customer.id}).data == []
    assert api.events.list({"limit": 1}).data[0].id == newest


def test_a_deleted_customer_stays_known_as_deleted(stripe_standin: RunningStandin) -> None:
    """Given a customer that is deleted, when read, then deleted; when listed or changed, then gone."""
    api = stripe_standin.client().v1
    customer = api.customers.create({"email": "gone@example.com"}).id
    api.customers.delete(customer)

    assert api.customers.retrieve(customer).to_dict() == {
        "id": customer,
        "object": "customer",
        "deleted": True,
    }
    assert api.customers.list({"email": "gone@example.com"}).data == []
    with pytest.raises(stripe.InvalidRequestError):
        api.customers.update(customer, {"name": "Back"})


def test_loaded_objects_are_stripes_state_without_an_event(stripe_standin: RunningStandin) -> None:
    """Given a raw invoice that is loaded, when read, then it is as it was, and no event tells of it."""
    lines = {"object": "list", "data": [{"object": "line_item", "id": "il_raw"}], "has_more": False}
    raw = {"object": "invoice", "id": "in_raw", "created": 5, "status": "open", "lines": lines}
    before = stripe_standin.helper("GET", "/_standin/health")["objects"].get("event", 0)

    stripe_standin.load(raw)

    answer = stripe_standin.client().v1.invoices.retrieve("in_raw").to_dict()
    assert answer["lines"]["data"] == lines["data"]
    assert {**answer, "lines": None} == {**raw, "lines": None}
    assert stripe_standin.helper("GET", "/_standin/health")["objects"].get("event", 0) == before


def test_a_payment_makes_an_intent_and_a_charge(stripe_standin: RunningStandin) -> None:
    """Given an invoice that is paid by card, when Stripe is asked, then its payment leads to the charge."""
    api = stripe_standin.client().v1
    invoice = draft(stripe_standin, 3)
    api.invoices.pay(invoice, {"payment_method": "pm_card_visa"})

    [payment] = api.invoice_payments.list({"invoice": invoice}).data
    intent = api.payment_intents.retrieve(payment.payment.payment_intent)
    charge = api.charges.retrieve(intent.latest_charge)

    assert (intent.status, intent.amount_received, charge.amount_captured) == ("succeeded", 6, 6)
    assert charge.payment_intent == intent.id
    types = [
        event.type
        for event in api.events.list({"limit": 100})
        if event.data.object["id"] in {intent.id, charge.id, payment.id}
    ]
    assert types == [
        "invoice_payment.paid",
        "payment_intent.succeeded",
        "charge.succeeded",
        "payment_intent.created",
    ]


def test_tiers_are_shown_to_whoever_asks(stripe_standin: RunningStandin) -> None:
    """Given a tiered price, when it is read, then its tiers are there only if they were asked for."""
    stripe_standin.load(tiered_price(tiers=tiers()))
    api = stripe_standin.client().v1

    assert "tiers" not in api.prices.retrieve("price_1")
    assert len(api.prices.retrieve("price_1", {"expand": ["tiers"]}).tiers) == 2
    [listed] = api.prices.list({"product": "prod_1", "expand": ["data.tiers"]}).data
    assert len(listed.tiers) == 2
    [listed] = api.prices.list({"product": "prod_1"}).data
    assert "tiers" not in listed


def test_a_list_counts_as_a_level_of_an_expansion(stripe_standin: RunningStandin) -> None:
    """Given a list, when a path of five names is expanded, its data among them, then it is refused."""
    api = stripe_standin.client().v1
    api.subscriptions.list({"expand": ["data.items.data.discounts"]})
    with pytest.raises(stripe.InvalidRequestError, match="more than 4 levels"):
        api.subscriptions.list({"expand": ["data.items.data.discounts.source"]})


@pytest.mark.parametrize(("kind", "told", "state"), FETCHED, ids=[str(case[0]) for case in FETCHED])
def test_each_kind_is_fetched_as_events_tell_it(
    stripe_standin: RunningStandin, kind: ObjectKind, told: dict[str, Any], state: Snapshot
) -> None:
    """Given an object at Stripe, when the mirror asks for it, then it is what an event would have told."""
    stripe_standin.load(told)
    stripe_api = StripeApi(lambda _: API_KEY, stripe_standin.base_url)
    try:
        found = stripe_api.fetch(kind, state.id)
        gone = stripe_api.fetch(kind, "none_such")
    finally:
        stripe_api.close()

    assert found is not None
    assert found.state == state
    assert gone is None


def test_a_discount_is_not_asked_for() -> None:
    """Given that Stripe returns no discount by its id, when one is asked for, then nobody is."""
    with_nobody = StripeApi(lambda _: API_KEY, "http://127.0.0.1:1")
    assert with_nobody.fetch(ObjectKind.DISCOUNT, "di_1") is None
