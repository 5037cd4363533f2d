"""What every EventQueue promises, held on the fake and on SQS of the local AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import boto3
import pytest

from billing.adapters.sqs.event_queue import SqsEventQueue
from billing.domain.errors import UnavailableError
from billing.use_cases.mirror_ports import MISSING
from billing.use_cases.receive_stripe_event import LARGEST_BODY
from tests.fakes.event_queue import FakeEventQueue

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

    from billing.use_cases.mirror_ports import EventQueue


class Inspected(Protocol):
    """A queue, and what it holds."""

    queue: EventQueue

    def bodies(self) -> list[str]:
        """Return what the queue holds."""
        ...

    def marked(self) -> list[str]:
        """Return what the queue holds that is marked as missing."""
        ...

    def break_down(self) -> None:
        """Make the queue not take anything any more."""
        ...


class InspectedFake:
    """The fake; its list is what it holds."""

    def __init__(self) -> None:
        self.fake = FakeEventQueue()
        self.queue: EventQueue = self.fake

    def bodies(self) -> list[str]:
        """Return what the queue holds."""
        return self.fake.bodies

    def marked(self) -> list[str]:
        """Return what the queue holds that is marked as missing."""
        return self.fake.missing

    def break_down(self) -> None:
        """Make the queue not take anything any more."""
        self.fake.away = True


class InspectedSqs:
    """A queue of SQS; what it holds is received."""

    def __init__(self, name: str) -> None:
        self.sqs: SQSClient = boto3.client("sqs")
        self.url = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        self.queue: EventQueue = SqsEventQueue(self.url)

    def bodies(self) -> list[str]:
        """Return what the queue holds."""
        bodies = []
        while messages := self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages"):
            bodies += [message["Body"] for message in messages]
        return sorted(bodies)

    def marked(self) -> list[str]:
        """Return what the queue holds that is marked as missing."""
        found = self.sqs.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=10, MessageAttributeNames=[MISSING]
        )
        return [message["Body"] for message in found.get("Messages", []) if "MessageAttributes" in message]

    def break_down(self) -> None:
        """Make the queue not take anything any more."""
        self.sqs.delete_queue(QueueUrl=self.url)


@pytest.fixture(params=["fake", "sqs"])
def inspected(request: pytest.FixtureRequest) -> Inspected:
    if request.param == "fake":
        return InspectedFake()
    request.getfixturevalue("aws_endpoint")
    return InspectedSqs(request.getfixturevalue("unique_name"))


def test_what_was_put_is_there(inspected: Inspected) -> None:
    """Given two bodies, when they are put, then the queue holds both as they were."""
    inspected.queue.put('{"id": "evt_1"}')
    inspected.queue.put('{"id": "evt_2", "name": "Ünïcode 🎉\\u0000\\ufffe"}')
    assert inspected.bodies() == ['{"id": "evt_1"}', '{"id": "evt_2", "name": "Ünïcode 🎉\\u0000\\ufffe"}']


def test_what_the_inbox_lacks_is_marked(inspected: Inspected) -> None:
    """Given two bodies, one as missing, when they are put, then that one alone is marked."""
    inspected.queue.put("{}")
    inspected.queue.put('{"id": "evt_2"}', is_missing=True)
    assert inspected.marked() == ['{"id": "evt_2"}']


def test_the_largest_body_is_taken(inspected: Inspected) -> None:
    """Given a body of the largest size that is received, when it is put, then the queue holds it."""
    inspected.queue.put("x" * LARGEST_BODY)
    assert [len(body) for body in inspected.bodies()] == [LARGEST_BODY]


def test_a_larger_body_is_not_taken(inspected: Inspected) -> None:
    """Given a body beyond the limit, when it is put, then it is refused and the queue stays empty."""
    with pytest.raises(UnavailableError):
        inspected.queue.put("x" * (LARGEST_BODY + 1))
    assert inspected.bodies() == []


@pytest.mark.parametrize("character", ["\ufffe", "\uffff", "\x00", "\x1f"])
def test_a_character_that_sqs_refuses_is_not_taken(inspected: Inspected, character: str) -> None:
    """Given a raw character outside SQS's set, when it is put, then it is refused, never mangled."""
    with pytest.raises(UnavailableError):
        inspected.queue.put(f"a{character}b")
    assert inspected.bodies() == []


def test_a_queue_that_is_gone_is_unavailable(inspected: Inspected) -> None:
    """Given a queue that does not exist any more, when something is put, then it says so."""
    inspected.break_down()
    with pytest.raises(UnavailableError):
        inspected.queue.put("{}")
