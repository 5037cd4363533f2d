"""What every SweepMemory promises, held on the fake and on DynamoDB of the local AWS."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import boto3
import pytest

from billing.adapters.dynamodb.sweep_memory import DynamoDbSweepMemory
from billing.domain.errors import UnavailableError
from billing.domain.recovery import SweptWindow
from tests.fakes.objects import SECOND, T0
from tests.fakes.recovery import FakeSweepMemory
from tests.support.recovery import made_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from billing.use_cases.recovery_ports import SweepMemory

WINDOW = SweptWindow(T0, ("invoice.paid", "customer.updated"), frozenset({"evt_1", "evt_2"}), T0 + SECOND)
_KEY = {"id": {"S": "stripe-sweep#test"}}


@pytest.fixture
def table(aws_endpoint: str, unique_name: str) -> Iterator[str]:
    """Return a table as the idempotency records have it."""
    assert aws_endpoint
    yield made_table(unique_name)
    boto3.client("dynamodb").delete_table(TableName=unique_name)


@pytest.fixture(params=["fake", "dynamodb"])
def memory(request: pytest.FixtureRequest) -> SweepMemory:
    if request.param == "fake":
        return FakeSweepMemory()
    return DynamoDbSweepMemory(request.getfixturevalue("table"), livemode=False)


def test_at_first_nothing_is_known(memory: SweepMemory) -> None:
    """Given a new memory, when it is asked, then it knows nothing."""
    assert memory.recall() is None


def test_the_last_window_is_remembered(memory: SweepMemory) -> None:
    """Given two windows, when the second is kept, then it is all there is, to the microsecond."""
    memory.keep(WINDOW)
    later = replace(WINDOW, until=T0 + timedelta(days=1, microseconds=1), seen=frozenset())
    memory.keep(later)
    assert memory.recall() == later


def test_a_thousand_events_fit(memory: SweepMemory) -> None:
    """Given the most that is remembered, with the longest ids, when kept, then all of it comes back."""
    most = replace(WINDOW, seen=frozenset(f"evt_{number:0250}" for number in range(1000)))
    memory.keep(most)
    assert memory.recall() == most


def test_each_mode_has_a_memory_of_its_own(table: str) -> None:
    """Given what test mode saw, when live mode asks, then it knows nothing."""
    DynamoDbSweepMemory(table, livemode=False).keep(WINDOW)
    assert DynamoDbSweepMemory(table, livemode=True).recall() is None


@pytest.mark.parametrize("window", ["", "[]", "{}", '{"until": "soon", "types": [], "seen": [], "at": ""}'])
def test_what_another_version_wrote_is_not_known(table: str, window: str) -> None:
    """Given an item of another shape, when it is recalled, then there is none."""
    boto3.client("dynamodb").put_item(TableName=table, Item={**_KEY, "window": {"S": window}})
    assert DynamoDbSweepMemory(table, livemode=False).recall() is None


def test_it_is_taken_away_when_nobody_would_believe_it(table: str) -> None:
    """Given a window, when it is kept, then the table's time to live ends it two days later."""
    DynamoDbSweepMemory(table, livemode=False).keep(WINDOW)
    item = boto3.client("dynamodb").get_item(TableName=table, Key=_KEY)["Item"]
    assert item["expiration"]["N"] == str(int((WINDOW.at + timedelta(days=2)).timestamp()))


def test_a_table_that_is_away_is_unavailable(aws_endpoint: str) -> None:
    """Given no such table, when the memory is used, then it is unavailable, and nothing else."""
    assert aws_endpoint
    memory = DynamoDbSweepMemory("none", livemode=False)
    with pytest.raises(UnavailableError, match="memory of sweeps"):
        memory.recall()
    with pytest.raises(UnavailableError, match="memory of sweeps"):
        memory.keep(WINDOW)
