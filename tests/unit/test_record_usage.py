"""What recording usage asks of its ports, and what it makes of their answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from billing.domain.errors import UnavailableError
from billing.domain.usage import Aggregation, Recorded, UsageMeter
from billing.domain.usage_alerts import Threshold, ThresholdKind
from billing.domain.usage_events import Number, Refusal, RefusedEvent, SentEvent
from billing.use_cases.recent_meters import KEPT, RecentMeters
from billing.use_cases.record_usage import RecordUsage
from tests.fakes.usage import FakeUsageStore
from tests.support.metered import MARCH, metered_item

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from billing.domain.usage_plans import MeteredItem

NOW = datetime(2026, 3, 16, 12, tzinfo=UTC)
CALLS = UsageMeter("api_calls", "API calls", "api_calls", Aggregation.SUM)
STORAGE = UsageMeter("storage", "Storage", "storage", Aggregation.MAX)


class World:
    """The ports `UsageMeters` and `UsageTerms`, a clock, and how often they were asked."""

    def __init__(self) -> None:
        self.now = NOW
        self.meters: Sequence[UsageMeter] = (CALLS, STORAGE)
        self.chosen: Sequence[Threshold] | None = None
        self.asked: list[str] = []

    def all(self) -> Sequence[UsageMeter]:
        """Return the meters."""
        self.asked.append("meters")
        return self.meters

    def read(self, customer: str) -> tuple[Mapping[str, MeteredItem], Sequence[Threshold] | None]:
        """Return an item of api_calls that includes a thousand, and the thresholds."""
        self.asked.append(f"terms of {customer}")
        return {"api_calls": metered_item()}, self.chosen


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def store() -> FakeUsageStore:
    return FakeUsageStore((CALLS, STORAGE))


@pytest.fixture
def record(world: World, store: FakeUsageStore) -> RecordUsage:
    return RecordUsage(world, world, store, lambda: world.now)


def sent(event_id: str, value: str = "5", kind: str = "api_calls", voids: str | None = None) -> SentEvent:
    digest = f"{kind}{value}{voids}".encode()[:16].ljust(16)
    return SentEvent("/app", event_id, kind, None, {"value": Number(value)}, voids, digest)


def test_every_event_has_its_outcome_in_its_place(record: RecordUsage, store: FakeUsageStore) -> None:
    """Given events of every fate, some refused before the store, when recorded, then each is in its place."""
    broken = RefusedEvent(None, Refusal.INVALID_EVENT, "id", "is missing")
    outcomes = record(
        "cus_1",
        [
            broken,
            sent("a"),
            sent("b", kind="tea"),
            sent("a"),
            sent("a", "6"),
            sent("c", voids="nobody"),
            sent("d", voids="a"),
            sent("e", voids="a"),
        ],
    )
    told = [each if isinstance(each, Recorded) else each.refusal for each in outcomes]
    assert told == [
        Refusal.INVALID_EVENT,
        Recorded.ACCEPTED,
        Refusal.UNKNOWN_METER,
        Recorded.DUPLICATE,
        Refusal.CONFLICT,
        Refusal.UNKNOWN_EVENT,
        Recorded.ACCEPTED,
        Refusal.ALREADY_VOIDED,
    ]
    assert outcomes[0] is broken
    assert store.used("cus_1", {"api_calls": MARCH}) == {"api_calls": 5}


def test_nothing_is_asked_where_nothing_is_kept(
    record: RecordUsage, world: World, store: FakeUsageStore
) -> None:
    """Given only events that are refused, or none, when recorded, then neither terms nor store are needed."""
    store.available = False
    assert record("cus_1", []) == []
    [refused] = record("cus_1", [sent("a", kind="tea")])
    assert isinstance(refused, RefusedEvent)
    assert set(world.asked) == {"meters"}


def test_only_meters_of_the_request_fire(record: RecordUsage, world: World, store: FakeUsageStore) -> None:
    """Given thresholds of two meters, both passed, when one is used, then only its thresholds fire."""
    world.chosen = [
        Threshold("api_calls", ThresholdKind.AMOUNT, Decimal(5)),
        Threshold("storage", ThresholdKind.AMOUNT, Decimal(1)),
    ]
    record("cus_1", [sent("a")])
    assert [alert.threshold.meter for alert in store.alerts("cus_1")] == ["api_calls"]
    record("cus_1", [sent("b", "2", kind="storage")])
    assert [alert.threshold.meter for alert in store.alerts("cus_1")] == ["api_calls", "storage"]


def test_a_threshold_fires_in_the_request_that_reaches_it(record: RecordUsage, store: FakeUsageStore) -> None:
    """Given the defaults of 80 and 100 % of a thousand, when usage rises, then each fires when reached."""
    fired = []
    for number, value in enumerate(("799", "1", "100", "100", "500")):
        record("cus_1", [sent(f"e{number}", value)])
        fired.append([int(alert.threshold.value) for alert in store.alerts("cus_1")])
    assert fired == [[], [80], [80], [80, 100], [80, 100]]
    assert [alert.used for alert in store.alerts("cus_1")] == [800, 1000]


def test_a_store_that_is_away_is_told(record: RecordUsage, store: FakeUsageStore) -> None:
    """Given a store that does not answer, when events come, then the caller learns it and sends again."""
    store.available = False
    with pytest.raises(UnavailableError):
        record("cus_1", [sent("a")])
    store.available = True
    assert record("cus_1", [sent("a")]) == [Recorded.ACCEPTED]


def test_meters_are_asked_for_once_a_minute(world: World) -> None:
    """Given meters that were asked for, when they change, then it is seen a minute later and not before."""
    meters = RecentMeters(world, lambda: world.now)
    assert meters.all() == (CALLS, STORAGE)
    world.meters = (replace(CALLS, display_name="Calls"),)
    world.now += KEPT - timedelta(microseconds=1)
    assert meters.all() == (CALLS, STORAGE)
    world.now += timedelta(microseconds=1)
    assert meters.all() == world.meters
    assert world.asked == ["meters", "meters"]
