"""The relay brings every event of Stripe's list to the webhook, signed, whatever happens in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.problems import LocalCloudError
from local.seed.api import Api
from local.stripe_relay import MOST_ATTEMPTS, Relay, main
from tests.fixtures.stripe_data import API_KEY, running_standin
from tests.support.signing import stripe_signature
from tests.support.webhook_receiver import receiving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fixtures.stripe_data import RunningStandin
    from tests.support.webhook_receiver import Receiver

SECRET = "whsec_relay"


@pytest.fixture
def standin() -> Iterator[RunningStandin]:
    """Run a stand-in of the test's own; the list of events is what is relayed."""
    with running_standin() as running:
        yield running


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def api(standin: RunningStandin) -> Iterator[Api]:
    opened = Api(standin.base_url, API_KEY)
    yield opened
    opened.close()


def relay(api: Api, receiver: Receiver, tmp_path: Path) -> Relay:
    return Relay(api, webhook_url=receiver.url, secret=SECRET, state=tmp_path / "stripe" / "relay.json")


def test_events_arrive_oldest_first_and_signed(
    api: Api, receiver: Receiver, standin: RunningStandin, tmp_path: Path
) -> None:
    """Given changes at Stripe, when the relay asks, then their events arrive in order, signed."""
    stripe = standin.client().v1
    customer = stripe.customers.create({}).id
    stripe.customers.update(customer, {"name": "N"})
    stripe.customers.delete(customer)

    assert relay(api, receiver, tmp_path).poll() == 3

    assert receiver.types() == ["customer.created", "customer.updated", "customer.deleted"]
    for each in receiver.received:
        timestamp = int(each.signature.partition(",")[0].removeprefix("t="))
        assert each.signature == stripe_signature(each.payload, SECRET, at=timestamp)


def test_an_event_is_posted_once_and_remembered_over_a_restart(
    api: Api, receiver: Receiver, standin: RunningStandin, tmp_path: Path
) -> None:
    """Given a relayed event, when asked again, by a new relay too, then only what is new is posted."""
    stripe = standin.client().v1
    stripe.customers.create({})
    first = relay(api, receiver, tmp_path)

    assert (first.poll(), first.poll()) == (1, 0)
    stripe.customers.create({})
    assert relay(api, receiver, tmp_path).poll() == 1


def test_a_refused_event_is_tried_again_and_holds_no_other_up(
    api: Api, receiver: Receiver, standin: RunningStandin, tmp_path: Path
) -> None:
    """Given a webhook that refuses one event, when asked again, then that one arrives, the others once."""
    stripe = standin.client().v1
    for _ in range(3):
        stripe.customers.create({})
    receiver.answers += [200, 503]
    running = relay(api, receiver, tmp_path)

    assert (running.poll(), running.poll(), running.poll()) == (2, 1, 0)
    assert len(receiver.received) == 4
    assert len({each.event["id"] for each in receiver.received}) == 3


def test_an_event_that_is_never_taken_is_given_up_and_said(
    api: Api, receiver: Receiver, standin: RunningStandin, tmp_path: Path
) -> None:
    """Given a webhook that always refuses, when all attempts are used, then the relay says it gave up."""
    standin.client().v1.customers.create({})
    receiver.answers += [500] * (MOST_ATTEMPTS + 5)
    running = relay(api, receiver, tmp_path)
    said: list[str] = []

    for _ in range(MOST_ATTEMPTS + 2):
        running.poll(said.append)

    assert len(receiver.received) == MOST_ATTEMPTS
    assert said[-1].endswith("500; given up")


def test_a_damaged_state_begins_anew(
    api: Api, receiver: Receiver, standin: RunningStandin, tmp_path: Path
) -> None:
    """Given a state file that cannot be read, when the relay starts, then it posts all that is listed."""
    standin.client().v1.customers.create({})
    relay(api, receiver, tmp_path).poll()
    (tmp_path / "stripe" / "relay.json").write_text("{")

    assert relay(api, receiver, tmp_path).poll() == 1


def test_a_refused_key_is_said_in_one_sentence(
    receiver: Receiver, standin: RunningStandin, tmp_path: Path
) -> None:
    """Given a key that Stripe refuses, when the relay asks, then the error says so and nothing is posted."""
    wrong = Api(standin.base_url, "sk_live_wrong")

    with pytest.raises(LocalCloudError, match="Stripe refused GET /v1/events"):
        relay(wrong, receiver, tmp_path).poll()

    wrong.close()
    assert receiver.received == []


def test_missing_settings_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given no settings, when the relay starts, then it ends with 1 and names what to set."""
    for name in ("STRIPE_API_KEY", "STRIPE_WEBHOOK_SECRET", "BILLING_WEBHOOK_URL", "BILLING_RELAY_STATE"):
        monkeypatch.delenv(name, raising=False)

    assert main() == 1
    assert "STRIPE_API_KEY" in capsys.readouterr().err
