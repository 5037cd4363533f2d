"""What a customer is shown of its usage."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given

from billing.domain.errors import InvalidParameterError, UnavailableError
from billing.domain.periods import Period
from billing.domain.usage import Aggregation, Grain, Reading, UsageMeter
from billing.domain.usage_alerts import Threshold, ThresholdKind, UsageAlert
from billing.domain.usage_overview import Overview, standing_of
from billing.use_cases.get_current_usage import GetCurrentUsage
from billing.use_cases.get_usage_history import LONGEST, GetUsageHistory, HistoryQuery
from tests.fakes.usage import FakeUsageStore
from tests.support.metered import FREE_THOUSAND, MARCH, metered_item, metered_price, quantities
from tests.support.usage_world import an_event

if TYPE_CHECKING:
    from billing.domain.catalogue import PriceTier
    from billing.use_cases.get_usage_history import UsageHistory

NOW = MARCH.start + timedelta(days=15, hours=12)
CALLS = UsageMeter("calls", "Calls", "calls", Aggregation.SUM, group_by=("region", "kind"))
SEATS = UsageMeter("seats", "Seats", "seats", Aggregation.MAX)
METERS = {"calls": CALLS, "seats": SEATS}
WEEK = Period(datetime(2026, 3, 12, tzinfo=UTC), datetime(2026, 3, 19, tzinfo=UTC))
WEEKLY = metered_item(metered_price(FREE_THOUSAND, every=(1, "week")), WEEK)


@dataclass(frozen=True, slots=True)
class Told:
    """An overview that stays the same."""

    overview: Overview

    def of(self, customer: str, now: datetime) -> Overview:
        """Return it."""
        assert (customer, now) == ("cus_1", NOW)
        return self.overview


def _store(*used: tuple[str, str, datetime]) -> FakeUsageStore:
    store = FakeUsageStore(METERS.values())
    events = [
        an_event(
            f"evt_{n}",
            at,
            Reading(meter, Decimal(value), groups=("eu", "read")[: len(METERS[meter].group_by)]),
        )
        for n, (meter, value, at) in enumerate(used)
    ]
    store.record("cus_1", events, NOW, {}, lambda _: ())
    return store


def _alert(meter: str, period: Period, percent: int = 80) -> UsageAlert:
    threshold = Threshold(meter, ThresholdKind.PERCENT, Decimal(percent))
    return UsageAlert("cus_1", threshold, period, NOW, Decimal(800), Decimal(1000), 0, "usd")


def test_each_meter_is_read_in_the_period_of_its_item() -> None:
    """Given one meter priced by the week, when asked, then its week is read, and the month of the other."""
    before_the_week = WEEK.start - timedelta(microseconds=1)
    store = _store(
        ("calls", "5", before_the_week), ("calls", "2", WEEK.start), ("seats", "9", before_the_week)
    )
    found = GetCurrentUsage(Told(Overview(METERS, {"calls": WEEKLY}, ())), store, lambda: NOW)("cus_1")
    assert (found.as_of, found.period, found.item) == (NOW, WEEK, WEEKLY)
    assert [(each.meter.name, each.period, each.used) for each in found.meters] == [
        ("calls", WEEK, Decimal(2)),
        ("seats", MARCH, Decimal(9)),
    ]


def test_without_an_item_the_month_stands_for_the_customer() -> None:
    """Given no item, when asked, then the period is the month of UTC and there is no money."""
    found = GetCurrentUsage(Told(Overview(METERS, {}, ())), _store(), lambda: NOW)("cus_1")
    assert (found.period, found.item) == (MARCH, None)
    assert [(each.cost, each.projected_cost, each.included) for each in found.meters] == [
        (None, None, None)
    ] * 2


def test_only_the_alerts_of_a_meters_running_period_are_shown() -> None:
    """Given alerts of two meters and of a period that overlaps, when asked, then each has its own."""
    alerts = (
        _alert("calls", MARCH),
        _alert("calls", WEEK),
        _alert("calls", WEEK, 100),
        _alert("seats", MARCH),
    )
    overview = Overview(METERS, {"calls": WEEKLY}, alerts)
    found = GetCurrentUsage(Told(overview), _store(), lambda: NOW)("cus_1")
    assert [each.alerts for each in found.meters] == [alerts[1:3], alerts[3:]]


def test_a_store_that_is_away_is_told() -> None:
    """Given a store that does not answer, when asked, then that is what is said."""
    store = _store()
    store.available = False
    with pytest.raises(UnavailableError):
        GetCurrentUsage(Told(Overview(METERS, {}, ())), store, lambda: NOW)("cus_1")


@given(used=quantities.map(lambda value: value - 500))
def test_what_remains_and_what_is_over_tell_the_use(used: Decimal) -> None:
    """Given any use of a thousand included, then included - remaining + overage is the use."""
    overview = Overview(METERS, {"calls": metered_item()}, ())
    standing = standing_of(CALLS, overview, used, NOW)
    assert standing.included == 1000
    assert standing.remaining is not None
    assert standing.overage is not None
    assert standing.percent is not None
    assert min(standing.remaining, standing.overage) == 0
    assert standing.included - standing.remaining + standing.overage == used
    assert standing.percent * 10 <= used < (standing.percent + Decimal("0.1")) * 10


@pytest.mark.parametrize("tiers", [(), FREE_THOUSAND[1:], (replace(FREE_THOUSAND[0], up_to=None),)])
def test_without_a_limit_nothing_is_measured_against_it(tiers: tuple[PriceTier, ...]) -> None:
    """Given a price that includes nothing, or everything, then there is no remainder, share or overage."""
    item = metered_item(metered_price(tiers, unit_amount=None if tiers else Decimal(3)))
    standing = standing_of(CALLS, Overview(METERS, {"calls": item}, ()), Decimal(7), NOW)
    assert (standing.included, standing.remaining, standing.percent, standing.overage) == (None,) * 4
    assert standing.cost is not None


def _ask(store: FakeUsageStore, overview: Overview | None = None, **query: Any) -> UsageHistory:
    whole: dict[str, Any] = {
        "meter": "calls",
        "start": None,
        "end": None,
        "grain": Grain.DAY,
        "group_by": None,
    }
    asked = HistoryQuery(**(whole | query))
    return GetUsageHistory(Told(overview or Overview(METERS, {}, ())), store, lambda: NOW)("cus_1", asked)


def _refused(**query: Any) -> str:
    with pytest.raises(InvalidParameterError) as caught:
        _ask(_store(), **query)
    return caught.value.field


def test_a_history_without_ends_is_that_of_the_running_period() -> None:
    """Given usage within and before a week, when its history is asked for, then the week's is there."""
    store = _store(("calls", "5", MARCH.start), ("calls", "2", WEEK.start), ("calls", "3", NOW))
    found = _ask(store, Overview(METERS, {"calls": WEEKLY}, ()))
    assert found.span == WEEK
    assert [point.used for point in found.points] == [2, 3]


def test_one_end_is_completed_by_the_period() -> None:
    """Given only a start, or only an end, when asked, then the other is the running period's."""
    assert _ask(_store(), start=NOW).span == Period(NOW, MARCH.end)
    assert _ask(_store(), end=NOW).span == Period(MARCH.start, NOW)


@pytest.mark.parametrize("grain", list(Grain))
def test_a_span_has_its_longest(grain: Grain) -> None:
    """Given a span of exactly the longest, then it is shown; a microsecond more is refused by name."""
    end = NOW + LONGEST[grain]
    assert _ask(_store(), grain=grain, start=NOW, end=end).span == Period(NOW, end)
    named = {Grain.DAY: "to", Grain.HOUR: "granularity"}[grain]
    assert _refused(grain=grain, start=NOW, end=end + timedelta(microseconds=1)) == named


def test_what_is_not_there_is_refused_by_name() -> None:
    """Given an unknown meter, a property of no meter, or ends the wrong way round, then each is named."""
    assert _refused(meter="nothing") == "meter"
    assert _refused(group_by="value") == "group_by"
    assert _refused(meter="seats", group_by="region") == "group_by"
    assert _refused(start=NOW, end=NOW) == "to"


def test_a_history_is_split_by_the_property_that_is_asked_for() -> None:
    """Given a meter of two properties, when split by the second, then points have its values."""
    found = _ask(_store(("calls", "5", NOW)), group_by="kind")
    assert [point.groups for point in found.points] == [("read",)]
