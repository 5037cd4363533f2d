"""What Stripe's meters are told is what our ledger says, wherever and however often a run is cut off."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from billing.adapters.postgres.usage_reports import PostgresUsageReports
from billing.domain.errors import UnavailableError
from billing.domain.usage_reports import End, FindingKind
from tests.fixtures.stripe_data import running_standin
from tests.support.reporting import CutMeters, CutOffError, ReportingWorld

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from billing.adapters.postgres.connection import Connection, Database
    from local.stripe_standin.server import Exchange
    from tests.fixtures.stripe_data import RunningStandin


@pytest.fixture(scope="module")
def standin() -> Iterator[RunningStandin]:
    """Run one stand-in; each test has its own meters there."""
    with running_standin() as running:
        yield running


@pytest.fixture
def world(standin: RunningStandin, owner: Connection, worker_database: Database) -> Iterator[ReportingWorld]:
    """Return a world without usage."""
    world = ReportingWorld(standin, owner, worker_database)
    yield world
    world.close()


def meter_events(standin: RunningStandin, name: str) -> list[Exchange]:
    """Return the list that meter events of this name are put into from now on."""
    seen: list[Exchange] = []

    def observe(exchange: Exchange) -> None:
        if exchange.path == "/v2/billing/meter_events" and f'"{name}"' in exchange.form:
            seen.append(exchange)

    standin.observers.append(observe)
    return seen


def test_stripe_adds_up_to_the_ledger_hour_by_hour(world: ReportingWorld) -> None:
    """Given usage of several hours, when reported twice, then Stripe's hours are ours, none resent."""
    meter, customer = world.meter("plain"), world.customer()
    for ago, value in ((1, "5"), (1, "7"), (3, "100"), (30, "2")):
        world.use(customer, "plain", value, world.hour(ago) + timedelta(minutes=11))

    first = world.report()
    world.use(customer, "plain", "4", world.hour(3))
    world.report()

    assert (first.written, first.ends[End.SENT]) == (3, 3)
    assert world.told(meter, customer) == world.hours("plain", customer)
    assert world.report().written == 0


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


def test_a_claim_that_is_lost_is_made_again(world: ReportingWorld) -> None:
    """Given a claim whose transaction is rolled back, when reported, then every hour is told once."""
    meter, customer = world.meter("lost"), world.customer()
    world.use(customer, "lost", "8", world.hour(1))
    with world.worker.session() as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT claim_usage_reports(now(), 100)")
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
    reports.claim(world.now, 100)
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


def test_stripe_gets_whole_numbers_and_fractions_wait(world: ReportingWorld) -> None:
    """Given fractions, when reported after each, then Stripe has the whole part of the sum at any time."""
    meter, customer = world.meter("fraction"), world.customer()
    told = []
    for value, ago in (("0.5", 4), ("0.7", 3), ("0.9", 2), ("2.25", 4), ("0.65", 1)):
        world.use(customer, "fraction", value, world.hour(ago))
        world.report()
        told.append(sum(world.told(meter, customer).values()))

    assert told == [0, 1, 2, 4, 5]
    assert world.rows("SELECT count(*) FROM usage_hours WHERE total <> reported") == [0]


def test_no_fraction_goes_over_a_period_boundary(world: ReportingWorld) -> None:
    """Given fractions on both sides of a boundary, when reported, then they are not added up."""
    meter, customer = world.meter("boundary"), world.customer()
    cut = world.hour(3)
    world.owner.execute("INSERT INTO usage_boundaries (customer, at) VALUES (%s, %s)", [customer, cut])
    world.use(customer, "boundary", "1.5", cut - timedelta(minutes=1))
    world.use(customer, "boundary", "1.5", cut)

    world.report()

    assert world.told(meter, customer) == {world.hour(4): 1, world.hour(3): 1}


def test_a_maximum_is_told_as_the_period_so_far(world: ReportingWorld) -> None:
    """Given a meter of maxima, when it is reported, then Stripe's last value is the period's maximum."""
    meter, customer = world.meter("peak", "max"), world.customer()
    told = []
    for value, ago in (("40", 5), ("25.5", 4), ("90", 6), ("91.5", 4)):
        world.use(customer, "peak", value, world.hour(ago))
        world.report()
        told.append(max(world.told(meter, customer).items())[1])

    assert told == [40, 40, 90, 91]


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


def test_usage_that_is_too_old_for_stripe_is_refused_and_found(world: ReportingWorld) -> None:
    """Given an hour 36 days ago, when reported, then nothing is sent and a finding says so."""
    world.meter("ancient")
    world.use(world.customer(), "ancient", "5", world.hour(36 * 24))
    seen = meter_events(world.standin, "ancient")

    done = world.report()

    assert (done.ends, done.findings, seen) == ({End.REFUSED: 1}, {FindingKind.TOO_OLD: 1}, [])
    assert world.rows("SELECT refused FROM usage_reports") == ["report_too_old"]
    assert world.rows("SELECT kind FROM usage_findings") == ["report_too_old"]


def test_what_stripe_refuses_is_found_with_its_code(world: ReportingWorld) -> None:
    """Given a meter archived at Stripe, when reported, then the report is refused by Stripe's code."""
    meter, customer = world.meter("archived"), world.customer()
    world.use(customer, "archived", "5", world.hour(1))
    world.standin.client().v1.billing.meters.deactivate(meter)

    assert world.report().findings == {FindingKind.REFUSED: 1}

    assert world.rows("SELECT refused FROM usage_reports") == ["archived_meter"]
    assert world.rows("SELECT detail ->> 'reason' FROM usage_findings") == ["archived_meter"]


def test_a_stripe_that_asks_to_slow_down_ends_the_run(world: ReportingWorld) -> None:
    """Given 429, when reported, then the run fails, and the next one sends what is left."""
    meter, customer = world.meter("slow"), world.customer()
    for ago in (1, 2, 3):
        world.use(customer, "slow", "5", world.hour(ago))
    world.standin.helper("PUT", "/_standin/rate", {"per_second": 0})
    with pytest.raises(UnavailableError):
        world.report()
    world.standin.helper("PUT", "/_standin/rate", {"per_second": None})

    world.report()

    assert world.told(meter, customer) == world.hours("slow", customer)


def test_a_meter_that_adds_up_otherwise_at_stripe_is_told_nothing(world: ReportingWorld) -> None:
    """Given a sum here and `last` at Stripe, when reported, then nothing is written, and it is said."""
    world.meter("unfit", "sum", formula="last")
    world.use(world.customer(), "unfit", "5", world.hour(1))

    done = world.report()

    assert (done.written, done.without_meter) == (0, ("unfit",))


def test_usage_of_the_next_period_waits_for_it(world: ReportingWorld) -> None:
    """Given usage that counts tomorrow, when reported, then it is told when its hour has come."""
    world.meter("ahead")
    world.use(world.customer(), "ahead", "5", world.hour(-30))
    assert world.report().written == 0

    world.now += timedelta(hours=31)

    assert PostgresUsageReports(world.worker).claim(world.now, 100) == 1


def test_old_months_go_when_no_open_period_needs_them(world: ReportingWorld) -> None:
    """Given events of long ago, when they are forgotten, then those of kept months stay, and 0 keeps all."""
    for months in (-20, -1):
        world.owner.execute("SELECT create_usage_months(now() + make_interval(months => %s))", [months])
    before = world.rows("SELECT count(*) FROM pg_inherits WHERE inhparent = 'usage_events'::regclass")

    upkeep = world.reporter()._upkeep  # noqa: SLF001 - as the run calls it
    assert upkeep.forget(world.now, 0) == ()
    dropped = upkeep.forget(world.now, 13)

    assert len(dropped) == 5
    assert world.rows("SELECT count(*) FROM pg_inherits WHERE inhparent = 'usage_events'::regclass") == [
        before[0] - 5
    ]
