"""What the simulation makes of an event for an older API version, and what the readers make of that."""

from __future__ import annotations

from typing import Any

import pytest

from billing.adapters.stripe.event_types import SNAPSHOT_TYPES
from billing.adapters.stripe.events import read_event
from billing.domain.invoices import Invoice
from billing.domain.mirror import Mention
from billing.domain.subscriptions import Subscription
from simulation.versions import NEW_VERSIONS, OLD_VERSIONS, rendered
from tests.fakes.stripe_payloads import event, subscription

SINCE_BASIL = ("2025-04-30.basil", "2025-11-17.clover")


def look(kind: str, object_id: str) -> dict[str, Any]:
    return {"object": kind, "id": object_id}


@pytest.mark.parametrize("version", [*OLD_VERSIONS, *NEW_VERSIONS])
def test_a_recorded_event_says_the_same_in_every_version(
    zulip_events: list[dict[str, Any]], version: str
) -> None:
    """Given 694 recorded events, when told in another version, then each reads alike or is asked for (12)."""
    asked_for = 0
    for payload in zulip_events:
        today, then = read_event(payload), read_event(rendered(payload, version, look))
        assert (then.id, then.type, then.object_id) == (today.id, today.type, today.object_id)
        if isinstance(then.content, Mention):
            asked_for += 1
            assert then.content.kind is SNAPSHOT_TYPES[today.type]
        else:
            assert then.content == today.content, (payload["id"], version)
    # An invoice of 2018 that is not paid, and a discount of before 2020 that is told without its amount.
    assert asked_for == 0 or version in OLD_VERSIONS[:3]
    assert asked_for < len(zulip_events) / 3


def test_the_rendering_is_another_shape(zulip_events: list[dict[str, Any]]) -> None:
    """Given a recorded invoice, when told in ever older versions, then what each does not know is gone."""
    payload = next(one for one in zulip_events if one["type"] == "invoice.paid")
    assert isinstance(read_event(payload).content, Invoice)
    members = [rendered(payload, version, look)["data"]["object"] for version in OLD_VERSIONS]
    assert ["status" in one for one in members] == [False, *[True] * 6]
    assert ["billing" in one for one in members] == [True, True, *[False] * 5]
    assert ["total_discount_amounts" in one for one in members] == [*[False] * 3, *[True] * 4]
    assert ["parent" in one for one in members] == [*[False] * 5, True, True]


@pytest.mark.parametrize("version", OLD_VERSIONS)
def test_periods_that_an_old_version_cannot_tell_are_asked_for(version: str) -> None:
    """Given a monthly and a yearly item, when told in an old version, then no period is made up."""
    told = subscription()
    [one] = told["items"]["data"]
    yearly = {**one, "id": "si_2", "current_period_end": one["current_period_end"] * 2}
    for item, interval in ((one, "month"), (yearly, "year")):
        recurring = {"interval": interval, "interval_count": 1}
        item["price"] = {**item["price"], "currency": "usd", "interval": interval, "recurring": recurring}
    payload = event(
        "customer.subscription.updated", {**told, "items": {**told["items"], "data": [one, yearly]}}
    )
    today, then = read_event(payload).content, read_event(rendered(payload, version, look)).content
    assert isinstance(today, Subscription)
    assert then == today if version in SINCE_BASIL else isinstance(then, Mention)
