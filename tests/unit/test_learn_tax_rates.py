"""How the mirror comes to know tax rates that are older than its webhook."""

from __future__ import annotations

from dataclasses import replace

import pytest

from billing.domain.errors import UnavailableError
from billing.domain.invoices import Invoice
from billing.domain.mirror import ObjectKind, Outcome
from billing.use_cases.apply_stripe_event import Applied
from tests.support.stripe_world import DRAFT, OPEN, PAID, World, an_event, snapshot

RATE = snapshot("tax_rate.updated")


@pytest.fixture
def world() -> World:
    return World()


def test_an_unknown_rate_is_fetched_once(world: World) -> None:
    """Given a rate of before the webhook, when invoices name it, then it is fetched for the first alone."""
    world.stripe.put(RATE)
    assert world.apply(an_event(OPEN, "evt_1")) == Applied(Outcome.APPLIED)
    assert world.apply(an_event(PAID, "evt_2", after=1)) == Applied(Outcome.APPLIED)
    assert world.state(ObjectKind.TAX_RATE, "txr_1") == RATE
    assert world.stripe.asked_for_rates == ["txr_1"]


def test_a_rate_that_an_event_brought_is_not_fetched(world: World) -> None:
    """Given a rate known by its event, when an invoice names it, then Stripe is not asked."""
    world.apply(an_event(RATE, "evt_1"))
    world.apply(an_event(OPEN, "evt_2"))
    assert world.stripe.asked_for_rates == []


def test_a_rate_that_stripe_does_not_know_is_asked_for_once(world: World) -> None:
    """Given a rate that is unknown at Stripe too, when invoices name it, then they stand all the same."""
    world.apply(an_event(OPEN, "evt_1"))
    assert world.apply(an_event(PAID, "evt_2", after=1)) == Applied(Outcome.APPLIED)
    assert world.state() == PAID
    assert world.stripe.asked_for_rates == ["txr_1"]


def test_a_rate_missed_while_stripe_was_away_comes_with_the_next_delivery(world: World) -> None:
    """Given Stripe away, when an event fails and comes again, then the invoice stood and the rate follows."""
    world.stripe.put(RATE)
    world.stripe.away = True
    with pytest.raises(UnavailableError):
        world.apply(an_event(OPEN))
    assert world.state() == OPEN
    world.stripe.away = False
    assert world.apply(an_event(OPEN)) == Applied(None)
    assert world.state(ObjectKind.TAX_RATE, "txr_1") == RATE


def test_a_stale_event_brings_its_rate(world: World) -> None:
    """Given a later state without taxes, when an older one with a rate comes, then the rate is learned."""
    world.stripe.put(RATE)
    assert isinstance(PAID, Invoice)
    lines = tuple(replace(line, taxes=()) for line in PAID.lines)
    world.apply(an_event(replace(PAID, taxes=(), lines=lines), "evt_2", after=1))
    assert world.stripe.asked_for_rates == []
    assert world.apply(an_event(DRAFT, "evt_1")) == Applied(Outcome.STALE)
    assert world.state(ObjectKind.TAX_RATE, "txr_1") == RATE


def test_a_quarantined_invoice_brings_no_rate(world: World) -> None:
    """Given an invoice of the other mode, when its event comes, then nothing is asked in its name."""
    event = replace(an_event(OPEN), livemode=True)
    assert world.apply(event).outcome is Outcome.QUARANTINED
    assert world.stripe.asked_for_rates == []
