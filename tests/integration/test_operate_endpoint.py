"""The operator's command for the webhook endpoint at Stripe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from billing.adapters.stripe.event_types import API_VERSION, STATE_TYPES, THIN_TYPES
from operate.cloud import OperateError
from operate.endpoint import ensure_endpoint
from tests.support.operated import WEBHOOK

if TYPE_CHECKING:
    from tests.support.operated import Operated


def endpoints(operated: Operated) -> list[Any]:
    return list(operated.stripe.client().v1.webhook_endpoints.list().data)


def test_the_endpoint_is_made_once_with_our_types_and_version(operated: Operated) -> None:
    """Given no endpoint, when made twice, then there is one; its secret is stored first, shown nowhere."""
    for _ in range(2):
        assert ensure_endpoint(operated.cloud, operated.out) == 0
    [made] = endpoints(operated)
    assert (made.url, made.api_version) == (WEBHOOK, API_VERSION)
    assert made.enabled_events == list(STATE_TYPES)
    thin, new, old = operated.secrets()
    assert (new.startswith("whsec_"), thin.startswith("whsec_"), old) == (True, True, "whsec_before")
    told = operated.told()
    assert new not in told
    assert thin not in told
    assert f"{made.id} created" in told
    assert f"{made.id} is as it should be" in told


def test_an_endpoint_of_our_version_gets_our_types(operated: Operated) -> None:
    """Given an endpoint for all types that is disabled, when brought up to date, then the secret stays."""
    client = operated.stripe.client()
    params = {"url": WEBHOOK, "enabled_events": ["*"], "api_version": API_VERSION}
    before = client.v1.webhook_endpoints.create(params)
    client.v1.webhook_endpoints.update(before.id, {"disabled": True})
    ensure_endpoint(operated.cloud, operated.out)
    [after] = endpoints(operated)
    assert (after.id, after.status, after.enabled_events) == (before.id, "enabled", list(STATE_TYPES))
    assert operated.secrets()[1:] == ["whsec_before"]
    assert "updated" in operated.told()


def test_an_endpoint_of_another_version_gets_a_new_one_beside_it(operated: Operated) -> None:
    """Given an endpoint of an old version, when brought up to date, then both are there, and it is said."""
    client = operated.stripe.client()
    old = client.v1.webhook_endpoints.create(
        {"url": WEBHOOK, "enabled_events": ["invoice.paid"], "api_version": "2020-08-27"}
    )
    client.v1.webhook_endpoints.create({"url": "https://other.example.com/", "enabled_events": ["*"]})
    ensure_endpoint(operated.cloud, operated.out)
    assert f"{old.id} delivers to the same URL in 2020-08-27, which cannot be changed" in operated.told()
    assert len(endpoints(operated)) == 3
    assert len(operated.secrets()) == 3


def destinations(operated: Operated) -> list[Any]:
    include = ["webhook_endpoint.url"]
    return list(operated.stripe.client().v2.core.event_destinations.list({"include": include}).data)


def test_thin_events_get_one_destination_of_ours(operated: Operated) -> None:
    """Given other destinations, when made twice, then one more takes our thin types at the same URL."""
    client = operated.stripe.client().v2.core.event_destinations
    other = {
        "name": "Other",
        "type": "webhook_endpoint",
        "enabled_events": ["v1.billing.meter.no_meter_found"],
    }
    client.create(
        {**other, "event_payload": "thin", "webhook_endpoint": {"url": "https://other.example.com/"}}
    )
    client.create({**other, "event_payload": "snapshot", "webhook_endpoint": {"url": WEBHOOK}})
    for _ in range(2):
        ensure_endpoint(operated.cloud, operated.out)
    [made] = [each for each in destinations(operated) if each.enabled_events == list(THIN_TYPES)]
    assert (made.webhook_endpoint.url, made.event_payload, made.status) == (WEBHOOK, "thin", "enabled")
    assert f"{made.id} is as it should be" in operated.told()
    assert len(destinations(operated)) == 3


def test_a_destination_that_was_switched_off_is_brought_up_to_date(operated: Operated) -> None:
    """Given our destination, disabled and for other types, when brought up to date, then its secret stays."""
    ensure_endpoint(operated.cloud, operated.out)
    secrets = operated.secrets()
    [made] = destinations(operated)
    client = operated.stripe.client().v2.core.event_destinations
    client.update(made.id, {"enabled_events": ["v1.billing.meter.no_meter_found"]})
    client.disable(made.id)
    operated.told()

    ensure_endpoint(operated.cloud, operated.out)

    [after] = destinations(operated)
    assert (after.id, after.enabled_events, after.status) == (made.id, list(THIN_TYPES), "enabled")
    assert operated.secrets() == secrets
    assert f"{made.id} updated" in operated.told()


def test_no_endpoint_stays_whose_secret_could_not_be_stored(operated: Operated) -> None:
    """Given a secret that cannot be written, when the endpoint is made, then it is taken away again."""
    operated.cloud.secrets.delete_secret(
        SecretId=operated.cloud.parameters["StripeWebhookSecretArn"], ForceDeleteWithoutRecovery=True
    )
    with pytest.raises(operated.cloud.secrets.exceptions.ResourceNotFoundException):
        ensure_endpoint(operated.cloud, operated.out)
    assert endpoints(operated) == []


def test_a_key_that_stripe_refuses_is_said(operated: Operated, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a key that Stripe does not take, when the endpoint is made, then the message says what to set."""
    monkeypatch.setenv("STRIPE_API_KEY", "sk_live_wrong")
    with pytest.raises(OperateError, match="STRIPE_API_KEY"):
        ensure_endpoint(operated.cloud, operated.out)
