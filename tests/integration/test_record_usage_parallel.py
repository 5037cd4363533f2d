"""Many programs of one customer report at once, each on a connection of its own."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from billing.adapters.postgres.connection import Database
from billing.adapters.postgres.mirror import PostgresMirror
from billing.adapters.postgres.usage import PostgresUsageMeters, PostgresUsageStore
from billing.adapters.postgres.usage_alerts import PostgresUsageAlerts
from billing.adapters.postgres.usage_terms import PostgresUsageTerms
from billing.domain.mirror import Observation, Verdict
from billing.domain.usage import Recorded
from billing.domain.usage_alerts import Threshold, ThresholdKind
from billing.domain.usage_events import Number, SentEvent
from billing.use_cases.record_usage import RecordUsage
from tests.fakes.objects import SECOND, an_event
from tests.support.metered import MARCH
from tests.support.usage_account import CATALOGUE, NOW, subscription

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from billing.adapters.postgres.connection import Connection, Credentials
    from billing.settings import DatabaseSettings

WRITERS = 8


def sent(number: int, value: str = "1") -> SentEvent:
    digest = f"{number}:{value}".encode().ljust(16)
    return SentEvent("/app", f"e{number}", "api_calls", NOW, {"value": Number(value)}, None, digest)


type InParallel = Callable[[Callable[[Database, int], object]], list[object]]


@pytest.fixture
def in_parallel(database: DatabaseSettings, database_secrets: dict[str, Credentials]) -> InParallel:
    def run(work: Callable[[Database, int], object]) -> list[object]:
        together = threading.Barrier(WRITERS, timeout=60)

        def writer(number: int) -> object:
            with Database(database, lambda _: database_secrets["billing_api"]) as own:
                together.wait()
                return work(own, number)

        with ThreadPoolExecutor(WRITERS) as pool:
            return list(pool.map(writer, range(WRITERS)))

    return run


@pytest.fixture
def subscribed(worker_database: Database) -> None:
    """Subscribe cus_1 to a price of api_calls that includes a thousand."""
    mirror = PostgresMirror(worker_database)
    for state in (*CATALOGUE, subscription()):
        event = an_event(f"evt_{state.id}", state)
        assert mirror.apply(event, Observation(state, event.created + SECOND)) is Verdict.APPLIED


def recorder(own: Database) -> RecordUsage:
    return RecordUsage(
        PostgresUsageMeters(own), PostgresUsageTerms(own), PostgresUsageStore(own), lambda: NOW
    )


@pytest.mark.usefixtures("subscribed")
def test_eight_writers_fire_each_threshold_once_and_lose_nothing(
    in_parallel: InParallel, owner: Connection
) -> None:
    """Given 8 writers, a fifth duplicates, when they cross 80 % and 100 %, then each fires once (24)."""
    total = 1_200

    def work(own: Database, number: int) -> object:
        mine = list(range(number, total, WRITERS))
        again = random.Random(number).sample(range(total), total // WRITERS // 4)  # noqa: S311 - repeatable
        events = mine + again
        random.Random(-number).shuffle(events)  # noqa: S311
        found: list[object] = []
        for start in range(0, len(events), 20):
            found += recorder(own)("cus_1", [sent(each) for each in events[start : start + 20]])
        return found

    outcomes = [outcome for found in in_parallel(work) if isinstance(found, list) for outcome in found]
    assert outcomes.count(Recorded.ACCEPTED) == total
    assert outcomes.count(Recorded.DUPLICATE) == len(outcomes) - total > 0
    raw = owner.execute("SELECT sum(value * quantity) AS n FROM usage_events").fetchone()
    rolled = owner.execute("SELECT sum(sum) AS n FROM usage_rollups").fetchone()
    assert raw == rolled == {"n": total}
    alerts = owner.execute("SELECT * FROM usage_alerts ORDER BY threshold").fetchall()
    assert [(row["kind"], row["threshold"]) for row in alerts] == [("percent", 80), ("percent", 100)]
    assert {(row["period_start"].astimezone(UTC), row["included"]) for row in alerts} == {(MARCH.start, 1000)}
    # The batch that crosses a threshold is the one that fires it: 20 events are a batch.
    assert 800 <= alerts[0]["used"] < 820
    assert 1000 <= alerts[1]["used"] < 1020
    told = owner.execute(
        "SELECT type, data->>'threshold' AS threshold FROM events ORDER BY number"
    ).fetchall()
    assert told == [
        {"type": "usage.alert.fired", "threshold": "80"},
        {"type": "usage.alert.fired", "threshold": "100"},
    ]


@pytest.mark.usefixtures("subscribed")
def test_one_event_of_eight_writers_counts_once(in_parallel: InParallel, owner: Connection) -> None:
    """Given one new event, when eight writers send it at once, then one is accepted and seven duplicates."""
    outcomes = in_parallel(lambda own, _: recorder(own)("cus_1", [sent(1, "7")]))
    flat = [outcome for found in outcomes if isinstance(found, list) for outcome in found]
    assert sorted(flat) == [Recorded.ACCEPTED] + [Recorded.DUPLICATE] * 7
    assert owner.execute("SELECT sum FROM usage_rollups").fetchall() == [{"sum": 7}]


@pytest.mark.usefixtures("subscribed")
def test_an_alert_fires_again_in_the_next_period_only(api_database: Database, owner: Connection) -> None:
    """Given a threshold that fired, when usage goes on into the next period, then it fires once in each."""
    record = recorder(api_database)
    record("cus_1", [sent(1, "900")])
    record("cus_1", [sent(2, "10"), sent(3, "10")])
    april = MARCH.end + SECOND
    later = RecordUsage(record.meters, record.terms, record.store, lambda: april)
    later("cus_1", [SentEvent("/app", "e4", "api_calls", april, {"value": Number("850")}, None, b"4" * 16)])
    rows = owner.execute("SELECT period_start, used FROM usage_alerts ORDER BY period_start").fetchall()
    assert [(row["period_start"].astimezone(UTC), row["used"]) for row in rows] == [
        (MARCH.start, 900),
        (MARCH.end, 850),
    ]


@pytest.mark.usefixtures("subscribed")
def test_late_usage_fires_the_ended_periods_threshold_once(
    in_parallel: InParallel, owner: Connection, api_database: Database
) -> None:
    """Given a period that ended at 700 of 1,000, when eight report late, then its 80 % fires once."""
    recorder(api_database)("cus_1", [sent(1, "700")])
    april = MARCH.end + timedelta(hours=5)
    late = NOW + timedelta(hours=1)

    def work(own: Database, number: int) -> object:
        event = SentEvent(
            "/app", f"l{number}", "api_calls", late, {"value": Number("20")}, None, bytes([number] * 16)
        )
        later = RecordUsage(
            PostgresUsageMeters(own), PostgresUsageTerms(own), PostgresUsageStore(own), lambda: april
        )
        return later("cus_1", [event])

    in_parallel(work)

    rows = owner.execute(
        "SELECT threshold, period_start, period_end, fired_at, used FROM usage_alerts"
    ).fetchall()
    assert [(row["threshold"], row["period_start"].astimezone(UTC), row["used"]) for row in rows] == [
        (80, MARCH.start, 800)
    ]
    assert rows[0]["fired_at"].astimezone(UTC) == april > rows[0]["period_end"]
    told = owner.execute("SELECT data->'period'->>'start' AS start FROM events").fetchall()
    assert told == [{"start": MARCH.start.isoformat()}]
    alerts = PostgresUsageAlerts(api_database)
    assert [int(alert.used) for alert in alerts.fired("cus_1", april + timedelta(days=34))] == [800]
    assert alerts.fired("cus_1", april + timedelta(days=36)) == ()


@pytest.mark.usefixtures("subscribed")
def test_what_fired_while_a_period_went_on_fires_no_more_when_it_is_over(
    api_database: Database, owner: Connection
) -> None:
    """Given a period whose start is told otherwise later, when late usage comes, then none fires."""
    recorder(api_database)("cus_1", [sent(1, "900")])
    owner.execute("UPDATE usage_alerts SET period_start = period_start + interval '1 hour'")
    april = MARCH.end + timedelta(hours=5)
    record = recorder(api_database)
    later = RecordUsage(record.meters, record.terms, record.store, lambda: april)
    later("cus_1", [sent(2, "20")])
    assert owner.execute("SELECT count(*) AS n FROM usage_alerts").fetchall() == [{"n": 1}]


@pytest.mark.usefixtures("subscribed")
def test_late_usage_of_a_closed_period_fires_where_it_counts(
    api_database: Database, worker_database: Database, owner: Connection
) -> None:
    """Given a closed period below its threshold, when late usage comes, then only the open one's fires."""
    recorder(api_database)("cus_1", [sent(1, "700")])
    april = MARCH.end + timedelta(hours=5)
    PostgresUsageStore(worker_database).freeze("cus_1", "api_calls", MARCH, april)
    record = recorder(api_database)
    later = RecordUsage(record.meters, record.terms, record.store, lambda: april)
    later("cus_1", [sent(2, "900")])
    rows = owner.execute("SELECT period_start, used FROM usage_alerts").fetchall()
    assert [(row["period_start"].astimezone(UTC), row["used"]) for row in rows] == [(MARCH.end, 900)]


def test_choices_of_thresholds_wait_for_each_other(in_parallel: InParallel, api_database: Database) -> None:
    """Given eight lists of thresholds put at once, when all are done, then one of them stands alone."""
    lists: list[Sequence[Threshold]] = [
        [Threshold("api_calls", ThresholdKind.AMOUNT, Decimal(10 * writer + n)) for n in (1, 2)]
        for writer in range(1, WRITERS + 1)
    ]
    for _ in range(5):
        in_parallel(lambda own, number: PostgresUsageAlerts(own).replace("cus_1", lists[number]))
        assert list(PostgresUsageAlerts(api_database).thresholds("cus_1") or ()) in lists
