"""What a request leaves behind that is cut off between the two stores, and what the next one mends."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from billing.adapters.clickhouse.engine import ClickHouse, connect_to
from billing.adapters.clickhouse.usage import LATEST_INSERT, ClickHouseUsageStore
from billing.adapters.postgres.usage_alerts import PostgresUsageAlerts
from billing.domain.errors import UnavailableError
from billing.domain.periods import Period
from billing.domain.usage import LatePolicy, Reading, Recorded
from billing.domain.usage_alerts import Threshold, ThresholdKind, UsageAlert
from billing.settings import ClickHouseSettings
from local.ports import any_free_port
from tests.support.usage_world import T0, PostgresSurroundings, an_event

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clickhouse_connect.driver.client import Client

    from billing.adapters.postgres.connection import Connection, Database

SPAN = Period(T0, T0 + timedelta(days=1))
LATER = T0 + timedelta(days=2)
WATCHED = [("requests", SPAN)]


class CutError(Exception):
    """The process ends here."""


def cut(_: Mapping[tuple[str, Period], Decimal]) -> Sequence[UsageAlert]:
    raise CutError


def alert(used: Mapping[tuple[str, Period], Decimal]) -> Sequence[UsageAlert]:
    threshold = Threshold("requests", ThresholdKind.AMOUNT, Decimal(2))
    return [UsageAlert("cus_1", threshold, SPAN, T0, used["requests", SPAN], None, None, None)]


@pytest.fixture
def around(owner: Connection) -> PostgresSurroundings:
    return PostgresSurroundings(owner)


@pytest.fixture
def store(api_database: Database, clickhouse: ClickHouse) -> ClickHouseUsageStore:
    return ClickHouseUsageStore(api_database, clickhouse)


def test_a_request_cut_between_the_stores_is_mended_by_sending_it_again(
    store: ClickHouseUsageStore,
    around: PostgresSurroundings,
    api_database: Database,
    worker_database: Database,
    clickhouse: ClickHouse,
) -> None:
    """Given events kept before a cut, when sent again, they count once, and alert and hour are there."""
    ClickHouseUsageStore(worker_database, clickhouse).freeze("cus_1", "free", SPAN, LATER)
    around.set_late_policy("cus_1", LatePolicy.IGNORE)
    events = [
        an_event("1", T0, Reading("requests", groups=("a",)), Reading("free", Decimal(5))),
        an_event("2", T0, Reading("requests", groups=("a",))),
    ]
    with pytest.raises(CutError):
        store.record("cus_1", events, LATER, WATCHED, cut)
    assert around.hours("cus_1") == {}
    assert around.findings("cus_1") == []
    for _ in range(2):
        again = store.record("cus_1", events, LATER, WATCHED, alert)
        assert again == (Recorded.DUPLICATE, Recorded.DUPLICATE)
    assert store.used("cus_1", {"requests": SPAN, "free": SPAN}) == {"requests": 2, "free": 0}
    assert around.hours("cus_1") == {("requests", T0): Decimal(2)}
    assert around.findings("cus_1") == [("free", "late_usage_ignored", "app", "1")]
    (fired,) = PostgresUsageAlerts(api_database).fired("cus_1", T0)
    assert fired.used == Decimal(2)


def test_the_same_rows_inserted_twice_are_kept_once(clickhouse: ClickHouse) -> None:
    """Given an insert whose answer was lost, when it is repeated, then the rows are there once."""
    names = ("customer", "meter", "counted_at", "quantity", "digest")
    rows = [("cus_1", "requests", 0, 1, bytes(16))]
    for _ in range(2):
        clickhouse.insert(names, rows, "a token")
    assert clickhouse.rows("SELECT count() FROM usage_events", {}) == [(1,)]


def test_an_engine_that_fails_is_unavailable_and_nothing_is_settled(
    api_database: Database, clickhouse_client: Client, around: PostgresSurroundings
) -> None:
    """Given a ClickHouse out of reach, when usage is sent, then that is told, and nothing is settled."""

    def connect() -> Client:
        raise OSError

    store = ClickHouseUsageStore(api_database, ClickHouse(connect))
    event = an_event("1", T0, Reading("requests", groups=("a",)))
    with pytest.raises(UnavailableError):
        store.record("cus_1", [event], T0, WATCHED, alert)
    assert around.hours("cus_1") == {}


def test_nothing_is_inserted_that_might_outlive_the_lock(
    api_database: Database, clickhouse: ClickHouse, around: PostgresSurroundings
) -> None:
    """Given lookups that took long, when it is time to insert, then nothing is, and that is told."""
    times = iter([0.0, LATEST_INSERT + 0.1])
    slow = ClickHouseUsageStore(api_database, clickhouse, clock=lambda: next(times))
    event = an_event("1", T0, Reading("requests", groups=("a",)))
    with pytest.raises(UnavailableError):
        slow.record("cus_1", [event], T0, WATCHED, alert)
    assert clickhouse.rows("SELECT count() FROM usage_events", {}) == [(0,)]


def test_a_server_that_does_not_listen_is_unavailable() -> None:
    """Given a port that nobody listens on, when ClickHouse is asked there, then it is unavailable."""
    nowhere = ClickHouseSettings("127.0.0.1", any_free_port(), "default", secure=False, secret_id="unused")
    with pytest.raises(UnavailableError):
        ClickHouse(lambda: connect_to(nowhere, "user", "secret")).rows("SELECT 1", {})


def test_ids_and_values_come_back_as_they_went(
    store: ClickHouseUsageStore, around: PostgresSurroundings
) -> None:
    """Given ids and groups of any characters and long decimals, when read, then they are the same."""
    odd = "'\"\\ {x:String} %(y)s ?\t\U0001f600"
    value = Decimal("999999999999999.999999999999")
    readings = (Reading("tokens", value, groups=(odd, "")), Reading("users", distinct=odd, groups=("",)))
    event = an_event(odd, T0, *readings, source=odd)
    assert store.record("cus_1", [event], T0, {}, lambda _: ()) == (Recorded.ACCEPTED,)
    assert store.record("cus_1", [event], T0, {}, lambda _: ()) == (Recorded.DUPLICATE,)
    more = [an_event(str(n), T0, readings[0], source=odd) for n in range(99)]
    store.record("cus_1", more, T0, {}, lambda _: ())
    assert store.used("cus_1", {"tokens": SPAN, "users": SPAN}) == {
        "tokens": Decimal("99999999999999999.999999999900"),
        "users": 1,
    }
