"""The stand-in's meters take, refuse and add up events as Stripe's do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import stripe

if TYPE_CHECKING:
    from tests.fixtures.stripe_data import RunningStandin
    from tests.support.stripe_openapi import Recorder

HOUR = 3_600


@pytest.fixture
def meter(stripe_standin: RunningStandin, recorder: Recorder) -> tuple[str, str, str]:
    """Return a meter, its event name and a customer."""
    api = stripe_standin.client().v1
    name = f"event_{len(recorder.seen)}_{datetime.now(UTC).timestamp()}"
    made = api.billing.meters.create(
        {"display_name": name, "event_name": name, "default_aggregation": {"formula": "sum"}}
    )
    return made.id, name, api.customers.create({"name": "Acme"}).id


def send(standin: RunningStandin, name: str, customer: str, value: str = "1", **more: Any) -> Any:
    payload = {"stripe_customer_id": customer, "value": value}
    return standin.client().v2.billing.meter_events.create({"event_name": name, "payload": payload, **more})


def summed(standin: RunningStandin, meter: str, customer: str, **window: Any) -> list[float]:
    end = int(datetime.now(UTC).timestamp()) // HOUR * HOUR + HOUR
    query = {"customer": customer, "start_time": end - 3 * HOUR, "end_time": end, **window}
    found = standin.client().v1.billing.meters.event_summaries.list(meter, query)
    return [each.aggregated_value for each in found.data]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"value": "1.5"}, "payload_invalid_value"),
        ({"customer": "cus_nobody"}, "payload_no_customer_defined"),
        ({"name": "nothing"}, "no_meter"),
        ({"timestamp": (datetime.now(UTC) - timedelta(days=36)).isoformat()}, "timestamp_out_of_range"),
        ({"timestamp": (datetime.now(UTC) + timedelta(hours=2)).isoformat()}, "timestamp_out_of_range"),
    ],
)
def test_what_stripe_refuses_is_refused_by_its_code(
    stripe_standin: RunningStandin,
    recorder: Recorder,
    meter: tuple[str, str, str],
    given: dict[str, str],
    code: str,
) -> None:
    """Given an event that breaks a rule, when it is sent, then the answer is Stripe's error with its code."""
    with pytest.raises(stripe.StripeError) as refusal:
        send(stripe_standin, **{"name": meter[1], "customer": meter[2], **given})

    assert refusal.value.code == code
    assert recorder.violations == []


def test_an_identifier_counts_once_a_day(stripe_standin: RunningStandin, meter: tuple[str, str, str]) -> None:
    """Given an identifier that was taken, when sent again within a day and after it, then it counts twice."""
    send(stripe_standin, meter[1], meter[2], "5", identifier=f"once-{meter[0]}")
    with pytest.raises(stripe.StripeError) as refusal:
        send(stripe_standin, meter[1], meter[2], "5", identifier=f"once-{meter[0]}")
    assert refusal.value.code == "duplicate_meter_event"

    stripe_standin.form("/_standin/meter_events/age", {"seconds": "86400"})
    send(stripe_standin, meter[1], meter[2], "5", identifier=f"once-{meter[0]}")

    assert summed(stripe_standin, meter[0], meter[2]) == [10]


def test_sums_come_later_and_by_the_hour(
    stripe_standin: RunningStandin, recorder: Recorder, meter: tuple[str, str, str]
) -> None:
    """Given events of two hours, when they are added up, then each hour is there, once the lag is over."""
    before = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    send(stripe_standin, meter[1], meter[2], "7", timestamp=before)
    send(stripe_standin, meter[1], meter[2], "-2")
    stripe_standin.form("/_standin/meter_events/lag", {"seconds": "600"})
    send(stripe_standin, meter[1], meter[2], "100")
    stripe_standin.form("/_standin/meter_events/lag", {"seconds": "0"})

    assert summed(stripe_standin, meter[0], meter[2], value_grouping_window="hour") == [-2, 7]
    assert summed(stripe_standin, meter[0], meter[2]) == [5]
    with pytest.raises(stripe.InvalidRequestError):
        summed(stripe_standin, meter[0], meter[2], start_time=61)
    told = [each for each in recorder.violations if "/_standin/" not in each.endpoint]
    assert told == []


def test_an_archived_meter_takes_nothing(stripe_standin: RunningStandin, meter: tuple[str, str, str]) -> None:
    """Given a meter that was deactivated, when an event is sent, then it is refused as archived."""
    stripe_standin.client().v1.billing.meters.deactivate(meter[0])
    with pytest.raises(stripe.StripeError) as refusal:
        send(stripe_standin, meter[1], meter[2])
    assert refusal.value.code == "archived_meter"
