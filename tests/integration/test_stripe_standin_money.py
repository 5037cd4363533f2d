"""Cards, refunds and disputes of the stand-in behave as in Stripe's test mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import stripe

from tests.support.stripe_life import charged

if TYPE_CHECKING:
    from tests.fixtures.stripe_data import RunningStandin


def told(api: Any, object_id: str) -> list[str]:
    """Return the types of the events about an object, the first one first."""
    events = list(api.events.list({"limit": 100}).auto_paging_iter())
    return [event.type for event in reversed(events) if event.data.object["id"] == object_id]


def a_customer(api: Any, **members: Any) -> str:
    return str(api.customers.create(members).id)


def test_a_test_card_becomes_the_customers_payment_method(stripe_standin: RunningStandin) -> None:
    """Given a customer made with a test card, then it has a payment method of its own, and an event."""
    api = stripe_standin.client().v1
    card = "pm_card_visa"
    settings = {"default_payment_method": card}
    customer = api.customers.create({"payment_method": card, "invoice_settings": settings})
    [method] = api.payment_methods.list({"customer": customer.id}).data
    assert method.id.startswith("pm_1")
    assert customer.invoice_settings.default_payment_method == method.id
    assert told(api, method.id) == ["payment_method.attached"]


def test_a_detached_card_is_nobodys_for_ever(stripe_standin: RunningStandin) -> None:
    """Given a default card, when it is detached, then it is no default and cannot be attached again."""
    api = stripe_standin.client().v1
    card = "pm_card_visa"
    settings = {"default_payment_method": card}
    customer = a_customer(api, payment_method=card, invoice_settings=settings)
    [method] = api.payment_methods.list({"customer": customer}).data
    api.payment_methods.update(method.id, {"card": {"exp_year": 2040}})
    assert api.payment_methods.detach(method.id).customer is None
    assert api.customers.retrieve(customer).invoice_settings.default_payment_method is None
    with pytest.raises(stripe.InvalidRequestError):
        api.payment_methods.detach(method.id)
    with pytest.raises(stripe.InvalidRequestError):
        api.payment_methods.attach(method.id, {"customer": customer})
    assert told(api, method.id) == [
        "payment_method.attached",
        "payment_method.updated",
        "payment_method.detached",
    ]


def test_a_deleted_customers_card_stays_and_goes_on_changing(stripe_standin: RunningStandin) -> None:
    """Given a customer with a card, when it is deleted, then the card names it still and can change."""
    api = stripe_standin.client().v1
    customer = a_customer(api, payment_method="pm_card_visa")
    [method] = api.payment_methods.list({"customer": customer}).data
    api.customers.delete(customer)
    assert api.payment_methods.update(method.id, {"card": {"exp_month": 3}}).customer == customer
    assert told(api, method.id) == ["payment_method.attached", "payment_method.updated"]


def test_a_charge_is_refunded_in_parts_and_no_more(stripe_standin: RunningStandin) -> None:
    """Given 5.00 charged, when 2.00 and then the rest are refunded, then a third refund is refused."""
    api = stripe_standin.client().v1
    charge = charged(api, a_customer(api), "pm_card_visa")
    first = api.refunds.create({"charge": charge, "amount": 200})
    with pytest.raises(stripe.InvalidRequestError):
        api.refunds.create({"charge": charge, "amount": 301})
    rest = api.refunds.create({"charge": charge})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        api.refunds.create({"charge": charge})
    assert refused.value.code == "charge_already_refunded"
    assert (first.id[:4], first.amount, rest.amount) == ("re_1", 200, 300)
    after = api.charges.retrieve(charge)
    assert (after.amount_refunded, after.refunded) == (500, True)
    assert told(api, charge) == ["charge.succeeded", "charge.refunded", "charge.refunded"]


@pytest.mark.parametrize(
    ("card", "begins", "ends", "last"),
    [
        ("pm_card_visa", "succeeded", "succeeded", ["refund.updated", "charge.refund.updated"]),
        ("pm_card_pendingRefund", "pending", "succeeded", ["refund.updated", "charge.refund.updated"]),
        (
            "pm_card_refundFail",
            "succeeded",
            "failed",
            ["refund.updated", "charge.refund.updated", "refund.failed"],
        ),
    ],
)
def test_a_refund_ends_as_its_test_card_says(
    stripe_standin: RunningStandin, card: str, begins: str, ends: str, last: list[str]
) -> None:
    """Given a refund to a test card, when it changes next, then it ends as Stripe says of the card."""
    api = stripe_standin.client().v1
    refund = api.refunds.create({"charge": charged(api, a_customer(api), card)})
    after = api.refunds.update(refund.id, {"metadata": {"k": "v"}})
    assert (refund.status, after.status) == (begins, ends)
    assert told(api, refund.id) == ["refund.created", *last]


@pytest.mark.parametrize(
    ("text", "status", "moves", "last"),
    [
        ("winning_evidence", "won", 2, ["charge.dispute.funds_reinstated", "charge.dispute.closed"]),
        ("losing_evidence", "lost", 1, ["charge.dispute.closed"]),
        ("we shall see", "under_review", 1, []),
    ],
)
def test_a_dispute_ends_as_its_evidence_says(
    stripe_standin: RunningStandin, text: str, status: str, moves: int, last: list[str]
) -> None:
    """Given the test card for disputes, when evidence is sent, then its text decides, and funds move."""
    api = stripe_standin.client().v1
    charge = charged(api, a_customer(api), "pm_card_createDispute")
    [dispute] = api.disputes.list({"charge": charge}).data
    with pytest.raises(stripe.InvalidRequestError):
        api.refunds.create({"charge": charge})
    after = api.disputes.update(dispute.id, {"evidence": {"uncategorized_text": text}})
    assert (dispute.id[:4], dispute.status) == ("du_1", "needs_response")
    assert (after.status, len(after.balance_transactions)) == (status, moves)
    opened = ["charge.dispute.created", "charge.dispute.funds_withdrawn", "charge.dispute.updated"]
    assert told(api, dispute.id) == [*opened, *last]
    if status != "under_review":
        with pytest.raises(stripe.InvalidRequestError):
            api.disputes.close(dispute.id)
