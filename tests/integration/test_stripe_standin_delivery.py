"""The stand-in of Stripe delivers every event, and loses nothing when it is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.request import urlopen

from local.ports import any_free_port
from tests.fixtures.stripe_data import ROOT, RunningStandin, running_standin
from tests.support.signing import stripe_signature
from tests.support.webhook_receiver import receiving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.webhook_receiver import Received, Receiver

SECRET = "whsec_known"


@contextmanager
def delivering(answers: list[int] | None = None) -> Iterator[tuple[RunningStandin, Receiver]]:
    """Yield a fresh stand-in and the receiver that it delivers to."""
    with receiving() as receiver, running_standin() as standin:
        receiver.answers += answers or []
        standin.deliver_to(receiver.url, SECRET)
        yield standin, receiver


def verified(received: Received) -> bool:
    timestamp = int(received.signature.partition(",")[0].removeprefix("t="))
    return received.signature == stripe_signature(received.payload, SECRET, at=timestamp)


def test_every_change_is_delivered_signed_with_the_known_secret() -> None:
    """Given a registered webhook, when objects change, then each event arrives with a valid signature."""
    with delivering() as (standin, receiver):
        api = standin.client().v1
        customer = api.customers.create({"name": "A"})
        api.customers.update(customer.id, {"name": "B"})

        arrived = receiver.wait_for(lambda received: len(received) == 2)

        assert {each.event["type"] for each in arrived} == {"customer.created", "customer.updated"}
        assert all(verified(each) for each in arrived)


def test_a_refused_delivery_is_sent_again_and_signed_anew() -> None:
    """Given a webhook that fails twice, when an event is delivered, then the third attempt ends it."""
    with delivering([500, 302]) as (standin, receiver):
        standin.client().v1.customers.create({})

        arrived = receiver.wait_for(lambda received: len(received) == 3)

        assert len({each.event["id"] for each in arrived}) == 1
        assert all(verified(each) for each in arrived)


def test_a_delivery_is_given_up_after_its_last_attempt() -> None:
    """Given a webhook that always fails, when all attempts are used, then the delivery counts as failed."""
    with receiving() as receiver, running_standin(retry_delays=(0.01,)) as standin:
        receiver.answers += [500] * 10
        standin.deliver_to(receiver.url, SECRET)
        standin.client().v1.customers.create({})
        receiver.wait_for(lambda received: len(received) == 2)

        # The second answer is on its way still when it was counted.
        deadline = time.monotonic() + 30
        while standin.helper("GET", "/_standin/health")["deliveries"]["failed"] == 0:
            assert time.monotonic() < deadline
            time.sleep(0.01)

        assert len(receiver.received) == 2


def test_an_endpoint_gets_only_the_types_that_it_wants() -> None:
    """Given an endpoint for one type of event, when others happen too, then it gets that one alone."""
    with receiving() as receiver, running_standin() as standin:
        api = standin.client().v1
        made = api.webhook_endpoints.create({"url": receiver.url, "enabled_events": ["customer.deleted"]})
        customer = api.customers.create({})
        api.customers.delete(customer.id)

        receiver.wait_for(lambda received: len(received) == 1)

        assert made.secret.startswith("whsec_")
        assert "secret" not in api.webhook_endpoints.retrieve(made.id).to_dict()
        assert receiver.types() == ["customer.deleted"]


@contextmanager
def process(state: Path) -> Iterator[tuple[RunningStandin, subprocess.Popen[bytes]]]:
    """Yield a stand-in in a process of its own, once it answers; kills it at the end."""
    port = any_free_port()
    command = [sys.executable, "-m", "local.stripe_standin", "--port", str(port), "--state", str(state)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as running:  # noqa: S603 - ours
        standin = RunningStandin(f"http://127.0.0.1:{port}")
        deadline = time.monotonic() + 60
        while True:
            try:
                with urlopen(f"{standin.base_url}/_standin/health", timeout=5):  # noqa: S310 - local
                    break
            except OSError:
                assert running.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
        try:
            yield standin, running
        finally:
            running.kill()
            standin.close()


def test_a_killed_standin_goes_on_where_it_was(tmp_path: Path) -> None:
    """Given an undelivered event, when the stand-in is killed and started, then it is delivered still."""
    state = tmp_path / "state" / "standin.sqlite3"
    with receiving() as receiver:
        receiver.answers.append(500)
        with process(state) as (standin, running):
            standin.deliver_to(receiver.url, SECRET)
            customer = standin.client().v1.customers.create({"name": "Kept"})
            receiver.wait_for(lambda received: len(received) == 1)
            running.send_signal(signal.SIGKILL)
        with process(state) as (standin, running):
            receiver.wait_for(lambda received: len(received) == 2)
            assert standin.client().v1.customers.retrieve(customer.id).name == "Kept"
            running.terminate()
            assert running.wait(timeout=30) == 0


def test_a_second_standin_on_the_same_file_is_refused(tmp_path: Path) -> None:
    """Given a running stand-in, when another is started on its file, then it says so and ends with 1."""
    state = tmp_path / "standin.sqlite3"
    with process(state):
        command = [sys.executable, "-m", "local.stripe_standin", "--port", "0", "--state", str(state)]

        second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - ours

        assert second.returncode == 1
        assert "another stand-in" in second.stderr
        assert "Traceback" not in second.stderr
