"""What Stripe's meters are told is what our ledger says, wherever and however often a run is cut off."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import pytest

from billing.adapters.postgres.usage_reports import PostgresUsageReports
from billing.domain.errors import UnavailableError
from billing.domain.usage_reports import End, FindingKind
from billing.use_cases.report_usage import LANES
from tests.support.reporting import CutMeters, CutOffError, FailingMeters, MeetingMeters, meter_events

if TYPE_CHECKING:
    from collections.abc import Callable

    from billing.adapters.postgres.connection import Credentials, Database
    from billing.settings import DatabaseSettings
    from tests.support.reporting import ReportingWorld


@pytest.fixture
def world(reporting: ReportingWorld) -> ReportingWorld:
    return reporting


@pytest.mark.parametrize("delivered", [False, True])
@pytest.mark.parametrize("after", [1, 2, 3, 4])
def test_a_report_cut_off_anywhere_is_told_once(world: ReportingWorld, after: int, delivered: bool) -> None:
    """Given a run cut off before or after Stripe took an event, when run again, then the sums are equal."""
    name = f"cut_{after}_{delivered}".lower()
    meter, customer = world.meter(name), world.customer()
    for ago in range(1, 5):
        world.use(customer, name, str(10 + ago), world.hour(ago))

    with pytest.raises(CutOffError):
        world.reporter(wrap=lambda inner: CutMeters(inner, after, delivered))(lambda: True)
    world.report()

    assert world.told(meter, customer) == world.hours(name, customer)
    assert world.rows("SELECT count(*) FROM usage_reports WHERE sent_at IS NOT NULL") == [4]


def test_ten_runs_killed_midway_leave_equal_sums(world: ReportingWorld) -> None:
    """Given ten runs, each killed at its third event, when one is left alone, then the sums are equal."""
    meter = world.meter("killed")
    customers = [world.customer() for _ in range(3)]
    for turn in range(10):
        for customer in customers:
            world.use(customer, "killed", str(turn + 1), world.hour(turn % 4))
        with pytest.raises(CutOffError):
            world.reporter(wrap=partial(CutMeters, after=3, delivered=turn % 2 == 0))(lambda: True)
    world.report()

    for customer in customers:
        assert world.told(meter, customer) == world.hours("killed", customer)


def test_ten_processes_killed_midway_leave_equal_sums(
    world: ReportingWorld, database: DatabaseSettings, database_secrets: dict[str, Credentials]
) -> None:
    """Given ten processes, each killed (kill -9) at an event, when one is left alone, then sums are equal."""
    meter = world.meter("kill_9")
    customers = [world.customer() for _ in range(2)]
    credentials = database_secrets["billing_worker"]
    told: dict[str, object] = {"host": database.host, "port": database.port, "name": database.name}
    told |= {"username": credentials.username, "password": credentials.password}
    for turn in range(10):
        for customer in customers:
            world.use(customer, "kill_9", str(turn + 1), world.hour(turn % 4))
        environment = {
            "DATABASE": json.dumps(told),
            "STRIPE": world.standin.base_url,
            "AFTER": str(1 + turn % 2),
            "DELIVERED": str(turn // 2 % 2),
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        command = [sys.executable, "-m", "tests.support.killed_reporter"]
        done = subprocess.run(command, env=environment, check=False, timeout=120)  # noqa: S603 - our own
        assert done.returncode == -signal.SIGKILL
    world.report()

    for customer in customers:
        assert world.told(meter, customer) == world.hours("kill_9", customer)


def test_a_claim_that_is_lost_is_made_again(world: ReportingWorld) -> None:
    """Given a claim whose transaction is rolled back, when reported, then every hour is told once."""
    meter, customer = world.meter("lost"), world.customer()
    world.use(customer, "lost", "8", world.hour(1))
    with world.worker.session() as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT claim_usage_reports(now(), 100, '', '')")
        claimer = connection.info.backend_pid
        connection.close()
    # The server rolls back when it notices, and until then a run passes over what is claimed.
    while world.owner.execute("SELECT pid FROM pg_stat_activity WHERE pid = %s", [claimer]).fetchone():
        time.sleep(0.01)
    assert world.rows("SELECT count(*) FROM usage_reports") == [0]

    world.report()

    assert world.told(meter, customer) == world.hours("lost", customer)


def test_two_runs_at_once_share_the_work(
    world: ReportingWorld, another_worker: Callable[[], Database]
) -> None:
    """Given the schedule fires twice, when both runs work at once, then each report is sent once."""
    meter = world.meter("twice")
    customers = [world.customer() for _ in range(6)]
    for customer in customers:
        for ago in range(5):
            world.use(customer, "twice", str(ago + 1), world.hour(ago))
    seen = meter_events(world.standin, "twice")
    reporters = [world.reporter(another_worker()) for _ in range(2)]

    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda reporter: reporter(lambda: True), reporters))
    world.report()

    assert sum(run.written for run in runs) == 30
    assert len(seen) == 30
    assert {exchange.status for exchange in seen} == {200}
    for customer in customers:
        assert world.told(meter, customer) == world.hours("twice", customer)


def test_reports_of_several_customers_are_on_their_way_at_once(world: ReportingWorld) -> None:
    """Given reports of eight pairs, two hours each, when run, then eight calls meet, none two of a pair."""
    meters = {name: world.meter(name) for name in ("lane_a", "lane_b")}
    customers = [world.customer() for _ in range(4)]
    for customer in customers:
        for name in meters:
            for ago in (1, 2):
                world.use(customer, name, str(ago), world.hour(ago))
    meeting = MeetingMeters(LANES)

    done = world.reporter(wrap=meeting.around)(lambda: True)

    assert (done.ends[End.SENT], done.finished) == (16, True)
    assert (meeting.most, meeting.together) == (LANES, 0)
    for customer in customers:
        for name, meter in meters.items():
            assert world.told(meter, customer) == world.hours(name, customer)


def test_a_lane_that_fails_ends_the_others_at_their_next_report(world: ReportingWorld) -> None:
    """Given Stripe that fails once, when run with lanes, then it is said, and nothing is told twice after."""
    meter = world.meter("fails")
    customers = [world.customer() for _ in range(3)]
    for customer in customers:
        for ago in range(1, 20):
            world.use(customer, "fails", str(ago), world.hour(ago))
    seen = meter_events(world.standin, "fails")

    with pytest.raises(UnavailableError):
        world.reporter(wrap=FailingMeters)(lambda: True)
    assert len(seen) < 57
    world.report()

    assert len(seen) == 57
    for customer in customers:
        assert world.told(meter, customer) == world.hours("fails", customer)


def test_runs_that_never_fired_are_caught_up(world: ReportingWorld) -> None:
    """Given no run for two days, when one comes, then every hour is told at its own time."""
    meter, customer = world.meter("silent"), world.customer()
    for ago in range(1, 49):
        world.use(customer, "silent", str(ago), world.hour(ago))

    assert world.report().written == 48
    assert world.told(meter, customer) == world.hours("silent", customer)


def test_nobody_else_gets_a_report_of_the_pair(
    world: ReportingWorld, another_worker: Callable[[], Database]
) -> None:
    """Given a report being sent, when another run asks, then it gets one of another customer only."""
    world.meter("pair")
    one, other = world.customer(), world.customer()
    for customer in (one, other):
        for ago in (1, 2):
            world.use(customer, "pair", "1", world.hour(ago))
    reports, others = PostgresUsageReports(world.worker), PostgresUsageReports(another_worker())
    assert reports.claim(world.now, 1) == 4
    taken: list[str] = []

    def handle(report: object, _hour: object) -> object:
        def second(inner: object, _: object) -> object:
            taken.append(inner.customer)  # type: ignore[attr-defined]
            raise CutOffError

        taken.append(report.customer)  # type: ignore[attr-defined]
        with pytest.raises(CutOffError):
            others.handle_next([], second)  # type: ignore[arg-type]
        raise CutOffError

    with pytest.raises(CutOffError):
        reports.handle_next([], handle)  # type: ignore[arg-type]

    assert sorted(taken) == sorted([one, other])


def sent_and_forgotten(world: ReportingWorld, name: str, *, delivered: bool) -> tuple[str, str]:
    """Return a meter and a customer whose report was cut off, and is a day old when it is tried again."""
    meter, customer = world.meter(name), world.customer()
    world.use(customer, name, "6", world.hour(2))
    world.use(customer, name, "9", world.hour(1))
    with pytest.raises(CutOffError):
        world.reporter(wrap=lambda inner: CutMeters(inner, 1, delivered))(lambda: True)
    world.standin.form("/_standin/meter_events/age", {"seconds": "90000"})
    world.owner.execute("UPDATE usage_reports SET created_at = created_at - interval '25 hours'")
    return meter, customer


@pytest.mark.parametrize("delivered", [False, True])
def test_after_a_day_stripes_sums_tell_what_was_delivered(world: ReportingWorld, delivered: bool) -> None:
    """Given a cut-off report whose identifier Stripe forgot, when run, then it is told once all the same."""
    name = f"forgotten_{delivered}".lower()
    meter, customer = sent_and_forgotten(world, name, delivered=delivered)
    seen = meter_events(world.standin, name)

    world.report()

    assert len(seen) == 1 + (not delivered)
    assert world.told(meter, customer) == world.hours(name, customer)
    assert world.rows("SELECT count(*) FROM usage_findings") == [0]


def test_a_report_of_which_there_is_no_telling_is_left_and_found_once(world: ReportingWorld) -> None:
    """Given a sum that fits neither, when run twice, then the report stays unsent with one finding."""
    meter, customer = sent_and_forgotten(world, "unclear", delivered=True)
    hour = world.hour(2).isoformat()
    world.standin.client().v2.billing.meter_events.create(
        {
            "event_name": "unclear",
            "timestamp": hour,
            "payload": {"stripe_customer_id": customer, "value": "1"},
        }
    )

    runs = [world.report(), world.report()]

    assert [run.findings for run in runs] == [{FindingKind.UNCERTAIN: 1}] * 2
    assert world.told(meter, customer)[world.hour(2)] == 7
    assert world.rows("SELECT kind FROM usage_findings") == ["report_uncertain"]
    assert world.rows("SELECT count(*) FROM usage_reports WHERE sent_at IS NULL AND refused IS NULL") == [1]
