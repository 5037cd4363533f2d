"""Schedules of the stand-in begin, go from phase to phase and end as Stripe's do."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError

import pytest
import stripe

from tests.integration.test_stripe_standin_money import told
from tests.integration.test_stripe_standin_plans import subscribed

if TYPE_CHECKING:
    from tests.fixtures.stripe_data import RunningStandin

_SOON = 86_400
_MONTHS = {"interval": "month", "interval_count": 3}
_WEEK = {"interval": "week"}


def advance(standin: RunningStandin, schedule: Any) -> Any:
    """Let time pass until something happens to the schedule, and return it."""
    standin.form(f"/_standin/subscription_schedules/{schedule.id}/advance", {})
    return standin.client().v1.subscription_schedules.retrieve(schedule.id)


def prices(api: Any, *intervals: str) -> list[str]:
    """Return a price for each interval, the first of 1.00, the next of 2.00, and so on."""
    product = api.products.create({"name": "Plan"}).id
    return [
        api.prices.create(
            {
                "currency": "eur",
                "product": product,
                "unit_amount": 100 * number,
                "recurring": {"interval": interval},
            }
        ).id
        for number, interval in enumerate(intervals, 1)
    ]


def later(api: Any, *phases: dict[str, Any], **members: Any) -> Any:
    """Return a schedule of these phases that begins tomorrow."""
    return api.subscription_schedules.create(
        {
            "customer": api.customers.create({}).id,
            "start_date": int(time.time()) + _SOON,
            "phases": list(phases),
            **members,
        }
    )


def subscription_of(api: Any, schedule: Any) -> Any:
    return api.subscriptions.retrieve(schedule.subscription or schedule.released_subscription)


def quantities(subscription: Any) -> dict[str, int]:
    return {item.price.id: item.quantity for item in subscription["items"].data}


def test_a_schedule_begins_with_a_subscription_and_a_draft(stripe_standin: RunningStandin) -> None:
    """Given a schedule that is to begin, when its time comes, then its subscription is made and invoiced."""
    api = stripe_standin.client().v1
    [monthly] = prices(api, "month")
    planned = later(api, {"items": [{"price": monthly, "quantity": 3}], "duration": _MONTHS})
    schedule = advance(stripe_standin, planned)
    [phase] = schedule.phases
    assert schedule.status == "active"
    assert (schedule.current_phase.start_date, schedule.current_phase.end_date) == (
        phase.start_date,
        phase.end_date,
    )
    subscription = subscription_of(api, schedule)
    [item] = subscription["items"].data
    assert (subscription.schedule, subscription.start_date) == (schedule.id, phase.start_date)
    assert (item.price.id, item.quantity, item.current_period_start) == (monthly, 3, phase.start_date)
    invoice = api.invoices.retrieve(subscription.latest_invoice)
    assert (invoice.status, invoice.billing_reason, invoice.total) == ("draft", "subscription_create", 300)
    assert told(api, subscription.id) == ["customer.subscription.created"]
    assert told(api, invoice.id) == ["invoice.created"]
    assert told(api, schedule.id) == ["subscription_schedule.created", "subscription_schedule.updated"]


def test_a_phase_sets_the_items_of_its_subscription(stripe_standin: RunningStandin) -> None:
    """Given a second phase with other prices, when it begins, then items come, go, stay, and are billed."""
    api = stripe_standin.client().v1
    leaving, staying, coming = prices(api, "month", "month", "month")
    first = {"items": [{"price": leaving}, {"price": staying, "quantity": 2}]}
    second = {"items": [{"price": coming, "quantity": 4}, {"price": staying, "quantity": 5}]}
    schedule = advance(stripe_standin, later(api, first, second))
    before = subscription_of(api, schedule)
    schedule = advance(stripe_standin, schedule)
    after = subscription_of(api, schedule)
    assert schedule.current_phase.start_date == schedule.phases[1].start_date
    assert quantities(before) == {leaving: 1, staying: 2}
    assert quantities(after) == {staying: 5, coming: 4}
    assert after["items"].data[0].id == before["items"].data[1].id
    assert {item.current_period_start for item in after["items"].data} == {schedule.phases[1].start_date}
    invoice = api.invoices.retrieve(after.latest_invoice)
    assert (invoice.status, invoice.billing_reason) == ("draft", "subscription_cycle")
    assert sorted(line.amount for line in invoice.lines.data) == [5 * 200, 4 * 300]
    assert told(api, after.id) == ["customer.subscription.created", "customer.subscription.updated"]
    assert told(api, schedule.id)[1:] == ["subscription_schedule.updated"] * 2


def test_periods_that_end_within_a_phase_are_renewed(stripe_standin: RunningStandin) -> None:
    """Given a phase of three months, when it ends, then each month of it was billed, and the next phase's."""
    api = stripe_standin.client().v1
    [monthly] = prices(api, "month")
    items = [{"price": monthly}]
    schedule = later(api, {"items": items, "duration": _MONTHS}, {"items": items, "duration": _MONTHS})
    schedule = advance(stripe_standin, advance(stripe_standin, schedule))
    invoices = api.invoices.list({"subscription": schedule.subscription}).data
    periods = [line.period for invoice in reversed(invoices) for line in invoice.lines.data]
    assert [one.end for one in periods[:-1]] == [one.start for one in periods[1:]]
    assert (periods[0].start, periods[3].start) == tuple(phase.start_date for phase in schedule.phases)
    assert len(periods) == 4


@pytest.mark.parametrize(
    ("end", "status", "goes_on"), [("release", "released", "active"), ("cancel", "completed", "canceled")]
)
def test_the_last_phase_ends_as_was_planned(
    stripe_standin: RunningStandin, end: str, status: str, goes_on: str
) -> None:
    """Given a schedule in its last phase, when that ends, then so does it, and its subscription if asked."""
    api = stripe_standin.client().v1
    [monthly] = prices(api, "month")
    active = advance(stripe_standin, later(api, {"items": [{"price": monthly}]}, end_behavior=end))
    schedule = advance(stripe_standin, active)
    subscription = api.subscriptions.retrieve(active.subscription)
    released = end == "release"
    assert (schedule.status, schedule.current_phase, subscription.status) == (status, None, goes_on)
    assert (schedule.released_subscription, subscription.schedule) == (
        (subscription.id, None) if released else (None, schedule.id)
    )
    assert (schedule.released_at is None, schedule.completed_at is None) == (not released, released)
    assert schedule.canceled_at is None
    assert told(api, schedule.id)[2:] == ["subscription_schedule.expiring", f"subscription_schedule.{status}"]
    assert told(api, subscription.id)[1:] == [f"customer.subscription.{'updated' if released else 'deleted'}"]
    with pytest.raises(HTTPError):
        advance(stripe_standin, schedule)


def test_when_a_subscription_ends_is_told_in_its_last_phase(stripe_standin: RunningStandin) -> None:
    """Given a schedule that cancels, when its last phase begins, then its end is set, until released."""
    api = stripe_standin.client().v1
    [monthly] = prices(api, "month")
    phases = [{"items": [{"price": monthly}]}] * 2
    schedule = advance(stripe_standin, later(api, *phases, end_behavior="cancel"))
    assert subscription_of(api, schedule).cancel_at is None
    schedule = advance(stripe_standin, schedule)
    assert subscription_of(api, schedule).cancel_at == schedule.phases[1].end_date
    api.subscription_schedules.update(schedule.id, {"end_behavior": "release"})
    assert subscription_of(api, schedule).cancel_at is None
    api.subscription_schedules.update(schedule.id, {"end_behavior": "cancel"})
    assert subscription_of(api, schedule).cancel_at == schedule.phases[1].end_date
    released = api.subscription_schedules.release(schedule.id)
    assert (subscription_of(api, released).cancel_at, subscription_of(api, released).canceled_at) == (
        None,
        None,
    )


def test_a_phase_that_cuts_a_period_is_entered_only_without_proration(
    stripe_standin: RunningStandin,
) -> None:
    """Given a phase of a week, when another quantity follows, then it is refused, or not billed if asked."""
    api = stripe_standin.client().v1
    [monthly] = prices(api, "month")
    first = {"items": [{"price": monthly}], "duration": _WEEK}
    second = {"items": [{"price": monthly, "quantity": 2}]}
    prorated = advance(stripe_standin, later(api, first, second))
    with pytest.raises(HTTPError):
        advance(stripe_standin, prorated)
    assert told(api, prorated.id)[2:] == []
    schedule = advance(stripe_standin, later(api, first, {**second, "proration_behavior": "none"}))
    before = subscription_of(api, schedule)
    after = subscription_of(api, advance(stripe_standin, schedule))
    assert (quantities(after), after.latest_invoice) == ({monthly: 2}, before.latest_invoice)


def test_phases_that_are_over_stay_as_they_were(stripe_standin: RunningStandin) -> None:
    """Given a schedule in its second phase, when its phases change, then only that one and later ones do."""
    api = stripe_standin.client().v1
    [monthly] = prices(api, "month")
    plain, many = {"items": [{"price": monthly}]}, {"items": [{"price": monthly, "quantity": 7}]}
    schedule = advance(stripe_standin, advance(stripe_standin, later(api, plain, plain)))
    changed = api.subscription_schedules.update(
        schedule.id, {"phases": [{**many, "duration": _MONTHS}, many]}
    )
    assert changed.phases[0] == schedule.phases[0]
    assert [phase["items"][0].quantity for phase in changed.phases] == [1, 7, 7]
    assert changed.current_phase.start_date == schedule.phases[1].start_date
    assert changed.current_phase.end_date == changed.phases[2].start_date


def test_a_phase_cannot_end_before_the_period_that_its_subscription_is_in(
    stripe_standin: RunningStandin,
) -> None:
    """Given the schedule of a subscription that was renewed, when its phase is to end before, then not."""
    api = stripe_standin.client().v1
    monthly, yearly = prices(api, "month", "year")
    subscription = subscribed(api, items=[{"price": monthly}, {"price": yearly}])
    for _ in range(2):
        stripe_standin.form(f"/_standin/subscriptions/{subscription.id}/renew", {})
    schedule = api.subscription_schedules.create({"from_subscription": subscription.id})
    phase = {"items": [{"price": monthly}], "duration": {"interval": "month"}}
    with pytest.raises(stripe.InvalidRequestError, match="period that is over"):
        api.subscription_schedules.update(schedule.id, {"phases": [phase]})


def test_a_phase_has_each_price_once_and_one_currency(stripe_standin: RunningStandin) -> None:
    """Given a price twice or a price of another currency, when a phase is to have it, then it is refused."""
    api = stripe_standin.client().v1
    [monthly] = prices(api, "month")
    dollars = api.prices.create(
        {
            "currency": "usd",
            "product": api.products.create({"name": "Other"}).id,
            "unit_amount": 1,
            "recurring": {"interval": "month"},
        }
    ).id
    with pytest.raises(stripe.InvalidRequestError, match="only once"):
        later(api, {"items": [{"price": monthly}, {"price": monthly}]})
    with pytest.raises(stripe.InvalidRequestError, match="one currency"):
        later(api, {"items": [{"price": monthly}]}, {"items": [{"price": dollars}]})


def test_a_subscription_about_to_end_gets_no_schedule(stripe_standin: RunningStandin) -> None:
    """Given a subscription that ends with its period, when it is to get a schedule, then it is refused."""
    api = stripe_standin.client().v1
    subscription = subscribed(api)
    api.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    with pytest.raises(stripe.InvalidRequestError, match="about to end"):
        api.subscription_schedules.create({"from_subscription": subscription.id})


def test_a_metered_price_goes_through_the_phases_without_a_quantity(stripe_standin: RunningStandin) -> None:
    """Given a metered price in two phases, when each begins, then its item is there and has no quantity."""
    api = stripe_standin.client().v1
    meter = api.billing.meters.create(
        {"display_name": "Calls", "event_name": "phased", "default_aggregation": {"formula": "sum"}}
    ).id
    metered = api.prices.create(
        {
            "currency": "eur",
            "product": api.products.create({"name": "Calls"}).id,
            "unit_amount": 1,
            "recurring": {"interval": "month", "usage_type": "metered", "meter": meter},
        }
    ).id
    planned = later(api, {"items": [{"price": metered}]}, {"items": [{"price": metered}]})
    schedule = advance(stripe_standin, advance(stripe_standin, planned))
    assert all("quantity" not in phase["items"][0] for phase in schedule.phases)
    [item] = subscription_of(api, schedule)["items"].data
    assert (item.price.id, "quantity" in item) == (metered, False)
    api.subscription_schedules.release(schedule.id)
    again = api.subscription_schedules.create({"from_subscription": schedule.subscription})
    assert "quantity" not in again.phases[0]["items"][0]
