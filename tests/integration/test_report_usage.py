"""What Stripe's meters are told is what our ledger says."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

import pytest

from billing.adapters.postgres.usage_reports import PostgresUsageReports
from billing.domain.errors import UnavailableError
from billing.domain.usage_reports import End, FindingKind
from tests.support.reporting import meter_events

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tests.support.reporting import ReportingWorld


@pytest.fixture
def world(reporting: ReportingWorld) -> ReportingWorld:
    return reporting


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


@pytest.mark.parametrize("seed", range(5))
def test_any_history_of_an_hour_is_told_to_its_whole_part(reporting: ReportingWorld, seed: int) -> None:
    """Given random totals, up and down, when claimed after each, then each period's whole part is told."""
    random = Random(seed)  # noqa: S311 - the same every time, on purpose
    reporting.meter(f"random_{seed}")
    cut = reporting.hour(5)
    reporting.owner.execute("INSERT INTO usage_boundaries (customer, at) VALUES ('cus_1', %s)", [cut])
    reports = PostgresUsageReports(reporting.worker)
    for _ in range(40):
        for _ in range(random.randint(1, 3)):
            reporting.owner.execute(
                "INSERT INTO usage_hours AS h (customer, meter, hour, total) VALUES ('cus_1', %s, %s, %s)"
                " ON CONFLICT (customer, meter, hour) DO UPDATE SET total = h.total + excluded.total",
                [
                    f"random_{seed}",
                    reporting.hour(random.randint(1, 9)),
                    Decimal(random.randint(-300, 900)) / 100,
                ],
            )
        reports.claim(reporting.now, 100)
        for side in (True, False):
            [row] = reporting.owner.execute(
                "SELECT (SELECT coalesce(floor(sum(total)), 0) FROM usage_hours"
                "     WHERE (hour < %(cut)s) = %(side)s)"
                " - (SELECT coalesce(sum(value), 0) FROM usage_reports"
                "     WHERE (hour < %(cut)s) = %(side)s) AS off",
                {"cut": cut, "side": side},
            ).fetchall()
            assert row["off"] == 0
        assert reports.claim(reporting.now, 100) == 0


def test_a_maximum_is_told_as_the_period_so_far(world: ReportingWorld) -> None:
    """Given a meter of maxima, when it is reported, then Stripe's last value is the period's maximum."""
    meter, customer = world.meter("peak", "max"), world.customer()
    told = []
    for value, ago in (("40", 5), ("25.5", 4), ("90", 6), ("91.5", 4)):
        world.use(customer, "peak", value, world.hour(ago))
        world.report()
        told.append(max(world.told(meter, customer).items())[1])

    assert told == [40, 40, 90, 91]


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


class _Away:
    """Another store of usage, which does not answer after the first thing."""

    def close(self, _now: datetime, _more_time: Callable[[], bool]) -> int:
        return 1

    def claim(self, _now: datetime, _more_time: Callable[[], bool]) -> int:
        raise UnavailableError("usage store")

    def forget(self, _now: datetime, _months: int, _more_time: Callable[[], bool]) -> int:
        return 0


def test_another_store_that_is_away_holds_up_nobody_elses_usage(world: ReportingWorld) -> None:
    """Given a store that does not answer, when reported, then the others are told, and the run fails."""
    meter, customer = world.meter("besides"), world.customer()
    world.use(customer, "besides", "5", world.hour(1))

    with pytest.raises(UnavailableError):
        world.reporter(elsewhere=_Away())(lambda: True)

    assert world.told(meter, customer) == world.hours("besides", customer)


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
