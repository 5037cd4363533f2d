"""Schedules, meters and discounts of the stand-in behave as at Stripe."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError

import pytest
import stripe

from tests.integration.test_stripe_standin_money import told

if TYPE_CHECKING:
    from tests.fixtures.stripe_data import RunningStandin


def subscribed(api: Any, **members: Any) -> Any:
    """Return a subscription that is invoiced, of a new customer."""
    product = api.products.create({"name": "Plan"}).id
    price = api.prices.create(
        {"currency": "eur", "product": product, "unit_amount": 900, "recurring": {"interval": "month"}}
    ).id
    return api.subscriptions.create(
        {
            "customer": api.customers.create({}).id,
            "items": [{"price": price}],
            "collection_method": "send_invoice",
            "days_until_due": 14,
            **members,
        }
    )


def test_a_released_schedule_leaves_its_subscription(stripe_standin: RunningStandin) -> None:
    """Given the schedule of a subscription, when it is released, then the subscription goes on without."""
    api = stripe_standin.client().v1
    subscription = subscribed(api)
    schedule = api.subscription_schedules.create({"from_subscription": subscription.id})
    assert (schedule.id[:11], schedule.status) == ("sub_sched_1", "active")
    assert api.subscriptions.retrieve(subscription.id).schedule == schedule.id
    with pytest.raises(stripe.InvalidRequestError):
        api.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    released = api.subscription_schedules.release(schedule.id)
    assert (released.status, released.released_subscription) == ("released", subscription.id)
    after = api.subscriptions.retrieve(subscription.id)
    assert (after.schedule, after.status) == (None, "active")
    with pytest.raises(stripe.InvalidRequestError):
        api.subscription_schedules.cancel(schedule.id)
    assert told(api, schedule.id) == ["subscription_schedule.created", "subscription_schedule.released"]


@pytest.mark.parametrize("by", ["schedule", "subscription"])
def test_a_schedule_and_its_subscription_end_together(stripe_standin: RunningStandin, by: str) -> None:
    """Given the schedule of a subscription, when either is cancelled, then both are."""
    api = stripe_standin.client().v1
    subscription = subscribed(api)
    schedule = api.subscription_schedules.create({"from_subscription": subscription.id})
    if by == "schedule":
        api.subscription_schedules.cancel(schedule.id)
    else:
        api.subscriptions.cancel(subscription.id)
    assert api.subscription_schedules.retrieve(schedule.id).status == "canceled"
    assert api.subscriptions.retrieve(subscription.id).status == "canceled"
    assert told(api, schedule.id)[-1] == "subscription_schedule.canceled"


def test_phases_follow_each_other(stripe_standin: RunningStandin) -> None:
    """Given a schedule of a day and a month that begins later, then each phase ends where the next begins."""
    api = stripe_standin.client().v1
    subscription = subscribed(api)
    items = [{"price": subscription["items"].data[0].price.id, "quantity": 3}]
    start = int(time.time()) + 86_400
    schedule = api.subscription_schedules.create(
        {
            "customer": subscription.customer,
            "start_date": start,
            "phases": [{"items": items, "duration": {"interval": "day"}}, {"items": items}],
        }
    )
    first, second = schedule.phases
    assert (first.start_date, first.end_date) == (start, start + 86_400)
    assert second.start_date == first.end_date < second.end_date
    assert (schedule.status, schedule.subscription) == ("not_started", None)


def test_a_meter_goes_both_ways(stripe_standin: RunningStandin) -> None:
    """Given a meter, when it is deactivated, then its event name is free, and taken it stays inactive."""
    api = stripe_standin.client().v1
    given = {"display_name": "Calls", "event_name": "n", "default_aggregation": {"formula": "count"}}
    meter = api.billing.meters.create(given).id
    with pytest.raises(stripe.InvalidRequestError):
        api.billing.meters.create(given)
    assert api.billing.meters.deactivate(meter).status_transitions.deactivated_at is not None
    with pytest.raises(stripe.InvalidRequestError):
        api.billing.meters.deactivate(meter)
    assert api.billing.meters.reactivate(meter).status == "active"
    api.billing.meters.deactivate(meter)
    api.billing.meters.create(given)
    with pytest.raises(stripe.InvalidRequestError):
        api.billing.meters.reactivate(meter)
    assert told(api, meter) == [
        f"billing.meter.{verb}" for verb in ("created", "deactivated", "reactivated", "deactivated")
    ]


def test_a_subscriptions_discounts_take_each_others_place(stripe_standin: RunningStandin) -> None:
    """Given a discounted subscription, when given another coupon and then none, then each ends in turn."""
    api = stripe_standin.client().v1
    coupons = [api.coupons.create({"percent_off": percent}).id for percent in (10, 20)]
    subscription = subscribed(api, discounts=[{"coupon": coupons[0]}])
    [first] = subscription.discounts
    [second] = api.subscriptions.update(subscription.id, {"discounts": [{"coupon": coupons[1]}]}).discounts
    gone = api.subscriptions.delete_discount(subscription.id)
    assert (gone.id, gone.source.coupon, gone.deleted) == (second, coupons[1], True)
    assert api.subscriptions.retrieve(subscription.id).discounts == []
    for discount in (first, second):
        assert discount.startswith("di_1")
        assert told(api, discount) == ["customer.discount.created", "customer.discount.deleted"]


def test_an_item_has_discounts_of_its_own(stripe_standin: RunningStandin) -> None:
    """Given an item with a coupon, when it gets another one or a quantity, then what was not given stays."""
    api = stripe_standin.client().v1
    ten, twenty = ([{"coupon": api.coupons.create({"percent_off": n}).id}] for n in (10, 20))
    subscription = subscribed(api, discounts=ten)
    [item] = subscription["items"].data

    def changed(**members: Any) -> Any:
        given = {"items": [{"id": item.id, **members}], "proration_behavior": "none"}
        [after] = api.subscriptions.update(subscription.id, given)["items"].data
        return after

    [first] = changed(discounts=ten).discounts
    assert changed(quantity=7).discounts == [first]
    shown = {"subscription": subscription.id, "expand": ["data.discounts.source.coupon"]}
    [applied] = api.subscription_items.list(shown).data[0].discounts
    assert (applied.subscription_item, applied.subscription) == (item.id, None)
    assert (applied.id, applied.source.coupon.percent_off) == (first, 10)
    last = changed(discounts=twenty)
    assert (last.quantity, last.discounts == [first]) == (7, False)
    assert changed(discounts="").discounts == []
    assert told(api, first) == ["customer.discount.created", "customer.discount.deleted"]
    assert len(api.subscriptions.retrieve(subscription.id).discounts) == 1


def test_a_customer_has_one_discount(stripe_standin: RunningStandin) -> None:
    """Given a customer with a coupon, when given another, then the first discount is gone."""
    api = stripe_standin.client().v1
    customer = api.customers.create({}).id
    coupon = api.coupons.create({"percent_off": 10}).id
    given = []
    for _ in range(2):
        stripe_standin.form(f"/_standin/customers/{customer}/discount", {"coupon": coupon})
        given.append(api.customers.retrieve(customer).discount.id)
    assert told(api, given[0]) == ["customer.discount.created", "customer.discount.deleted"]
    api.customers.delete_discount(customer)
    assert api.customers.retrieve(customer).discount is None
    with pytest.raises(stripe.InvalidRequestError):
        api.customers.delete_discount(customer)


def test_a_coupons_id_can_be_taken_again(stripe_standin: RunningStandin) -> None:
    """Given a coupon with an id of its owner's, when it is deleted, then the id is free."""
    api = stripe_standin.client().v1
    for percent in (10, 20):
        assert api.coupons.create({"id": "AGAIN", "percent_off": percent}).percent_off == percent
        with pytest.raises(stripe.InvalidRequestError):
            api.coupons.create({"id": "AGAIN", "percent_off": 30})
        api.coupons.delete("AGAIN")
    assert told(api, "AGAIN") == ["coupon.created", "coupon.deleted"] * 2


def test_a_product_without_prices_can_be_deleted_and_its_id_taken_again(
    stripe_standin: RunningStandin,
) -> None:
    """Given products, when they are changed and deleted, then events tell, and prices hold theirs."""
    api = stripe_standin.client().v1
    for name in ("One", "Two"):
        api.products.create({"id": "prod_again", "name": name})
        assert api.products.update("prod_again", {"description": name}).description == name
        api.products.update("prod_again", {"description": name})
        assert api.products.delete("prod_again").deleted
    assert told(api, "prod_again") == ["product.created", "product.updated", "product.deleted"] * 2
    held = api.products.create({"name": "Held"}).id
    price = api.prices.create({"currency": "eur", "product": held, "unit_amount": 1}).id
    with pytest.raises(stripe.InvalidRequestError, match="has one or more user-created prices"):
        api.products.delete(held)
    assert api.prices.update(price, {"tax_behavior": "inclusive"}).tax_behavior == "inclusive"
    with pytest.raises(stripe.InvalidRequestError, match="cannot be changed once it is set"):
        api.prices.update(price, {"tax_behavior": "exclusive"})
    assert told(api, price) == ["price.created", "price.updated"]


def test_a_subscription_is_renewed_with_a_draft(stripe_standin: RunningStandin) -> None:
    """Given a subscription, when its period ends, then the next begins with a draft, or it is over."""
    api = stripe_standin.client().v1
    before = subscribed(api)
    path = f"/_standin/subscriptions/{before.id}/renew"
    stripe_standin.form(path, {})
    after = api.subscriptions.retrieve(before.id)
    [old], [new] = before["items"].data, after["items"].data
    assert new.current_period_start == old.current_period_end < new.current_period_end
    invoice = api.invoices.retrieve(after.latest_invoice)
    assert (invoice.status, invoice.billing_reason) == ("draft", "subscription_cycle")
    [line] = invoice.lines.data
    assert (line.period.start, line.period.end, line.amount) == (
        new.current_period_start,
        new.current_period_end,
        900,
    )
    api.subscriptions.update(before.id, {"cancel_at_period_end": True})
    stripe_standin.form(path, {})
    assert api.subscriptions.retrieve(before.id).status == "canceled"
    assert told(api, before.id) == [
        "customer.subscription.created",
        "customer.subscription.updated",
        "customer.subscription.updated",
        "customer.subscription.deleted",
    ]
    with pytest.raises(HTTPError):
        stripe_standin.form(path, {})
