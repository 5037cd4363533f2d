"""What every SweepLog promises; the fake keeps it as PostgreSQL does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from billing.adapters.postgres.sweeps import PostgresSweepLog
from billing.domain.mirror import Outcome
from tests.fakes.recovery import FakeSweepLog

if TYPE_CHECKING:
    from collections.abc import Callable

    from billing.adapters.postgres.connection import Connection
    from billing.use_cases.recovery_ports import SweepLog

HOUR = timedelta(hours=1)
NOW = datetime.now(UTC).replace(microsecond=0)
TYPES = ("customer.updated", "invoice.paid")


@dataclass(frozen=True, slots=True)
class Sweeps:
    """A log, and the events of its inbox."""

    log: SweepLog
    ended: Callable[[str, Outcome, timedelta], None]


@pytest.fixture(params=["fake", "postgres"])
def sweeps(request: pytest.FixtureRequest) -> Sweeps:
    if request.param == "fake":
        fake = FakeSweepLog(NOW)

        def remember(event: str, outcome: Outcome, ago: timedelta) -> None:
            fake.inbox[event] = outcome
            fake.first_tries[event] = NOW - ago

        return Sweeps(fake, remember)
    owner: Connection = request.getfixturevalue("owner")

    def insert(event: str, outcome: Outcome, ago: timedelta) -> None:
        owner.execute(
            "INSERT INTO stripe_webhook_events"
            " (id, type, livemode, created, outcome, reason, received_at, ended_at)"
            " VALUES (%(id)s, 'invoice.paid', false, now(), %(outcome)s,"
            " CASE WHEN %(outcome)s IN ('failed', 'quarantined') THEN 'because' END,"
            " now() - %(ago)s, CASE WHEN %(outcome)s <> 'failed' THEN now() END)",
            {"id": event, "outcome": outcome.value, "ago": ago},
        )

    return Sweeps(PostgresSweepLog(request.getfixturevalue("worker_database")), insert)


def test_nothing_stands_at_first(sweeps: Sweeps) -> None:
    """Given no sweep, when asked, then none is open and none has finished."""
    assert (sweeps.log.open(), sweeps.log.last_until()) == (None, None)


def test_a_sweep_that_began_is_open_until_it_finishes(sweeps: Sweeps) -> None:
    """Given a new sweep, when it advances to its end, then it is open with its place, then finished."""
    begun = sweeps.log.begin(NOW - HOUR, NOW, gap=True, types=TYPES)
    assert (begun.since, begun.until, begun.gap, begun.types) == (NOW - HOUR, NOW, True, TYPES)
    assert sweeps.log.open() == begun
    further = replace(begun, part=1, after="evt_9", pages=1, listed=7, missing=3, queued=2)
    assert sweeps.log.advance(begun, further, ())
    assert sweeps.log.open() == further
    assert sweeps.log.last_until() is None
    assert sweeps.log.advance(further, replace(further, pages=2, finished=True), ())
    assert (sweeps.log.open(), sweeps.log.last_until()) == (None, NOW)


def test_there_is_one_open_sweep(sweeps: Sweeps) -> None:
    """Given an open sweep, when another run begins one, then it is given the open one."""
    begun = sweeps.log.begin(NOW - HOUR, NOW, gap=False, types=TYPES)
    assert sweeps.log.begin(NOW - 2 * HOUR, NOW + HOUR, gap=True, types=()) == begun


def test_a_run_that_was_overtaken_keeps_nothing(sweeps: Sweeps) -> None:
    """Given a sweep that is further than a run knows, when the run advances, then nothing is kept."""
    begun = sweeps.log.begin(NOW - HOUR, NOW, gap=False, types=TYPES)
    further = replace(begun, after="evt_2", pages=1)
    assert sweeps.log.advance(begun, further, ())
    assert not sweeps.log.advance(begun, replace(begun, after="evt_1", pages=1), ("evt_1",))
    assert sweeps.log.open() == further
    assert sweeps.log.missing(["evt_1"], HOUR) == {"evt_1"}


def test_what_ended_is_not_missing(sweeps: Sweeps) -> None:
    """Given events that ended in every way, when asked, then only what failed long ago is missing."""
    for outcome in Outcome:
        sweeps.ended(f"evt_{outcome}", outcome, 2 * HOUR)
    sweeps.ended("evt_just_failed", Outcome.FAILED, HOUR / 2)
    asked = [*(f"evt_{outcome}" for outcome in Outcome), "evt_just_failed", "evt_unknown"]
    assert sweeps.log.missing(asked, HOUR) == {"evt_failed", "evt_unknown"}
    assert sweeps.log.missing([], HOUR) == frozenset()


def test_what_was_queued_is_under_way(sweeps: Sweeps) -> None:
    """Given events that a sweep queued, when asked, then they are not missing for as long as the patience."""
    begun = sweeps.log.begin(NOW - HOUR, NOW, gap=False, types=TYPES)
    assert sweeps.log.advance(begun, replace(begun, pages=1), ("evt_1", "evt_2"))
    assert sweeps.log.missing(["evt_1", "evt_2", "evt_3"], HOUR) == {"evt_3"}
    assert sweeps.log.missing(["evt_1"], timedelta(0)) == {"evt_1"}


def test_why_a_run_ended_early_is_kept_until_the_next_step(sweeps: Sweeps) -> None:
    """Given a failed run, when the next one advances, then the sweep goes on from its place."""
    begun = sweeps.log.begin(NOW - HOUR, NOW, gap=False, types=TYPES)
    sweeps.log.failed(begun, "UnavailableError: The queue does not answer.")
    assert sweeps.log.open() == begun
    assert sweeps.log.advance(begun, replace(begun, pages=1), ())
