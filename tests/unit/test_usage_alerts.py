from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from billing.domain.periods import Period
from billing.domain.usage import Aggregation, UsageMeter
from billing.domain.usage_alerts import Threshold, ThresholdKind, UsageAlert, due_alerts, thresholds_of
from tests.support.metered import FREE_THOUSAND, MARCH, metered_item, metered_price

if TYPE_CHECKING:
    from billing.domain.catalogue import PriceTier

CALLS = UsageMeter("api_calls", "API calls", "api_calls", Aggregation.SUM)
STORAGE = UsageMeter("storage", "Storage", "storage", Aggregation.MAX)
METERS = {"api_calls": CALLS, "storage": STORAGE}
HALFWAY = MARCH.start + timedelta(days=15, hours=12)


def _of(kind: ThresholdKind, value: str, meter: str = "api_calls") -> Threshold:
    return Threshold(meter, kind, Decimal(value))


def _reached(threshold: Threshold, used: str, *, tiers: tuple[PriceTier, ...] | None = FREE_THOUSAND) -> bool:
    items = {} if tiers is None else {threshold.meter: metered_item(metered_price(tiers))}
    stands = {(threshold.meter, MARCH): Decimal(used)}
    return bool(due_alerts("cus_1", [threshold], stands, METERS, items, HALFWAY))


def test_a_customer_that_chose_nothing_hears_of_80_and_100_per_cent() -> None:
    """Given no choice, then two percentages of each meter hold; given a choice, even of none, then that."""
    assert thresholds_of(None, METERS) == tuple(
        _of(ThresholdKind.PERCENT, value, meter) for meter in METERS for value in ("80", "100")
    )
    assert thresholds_of((), METERS) == ()
    chosen = [_of(ThresholdKind.AMOUNT, "5")]
    assert thresholds_of(chosen, METERS) == chosen


@pytest.mark.parametrize(("used", "reached"), [("799.999999999999", False), ("800", True), ("5000", True)])
def test_a_percentage_is_of_what_is_included(used: str, reached: bool) -> None:
    """Given a thousand included, when use is beside 80 %, then the threshold is reached exactly there."""
    assert _reached(_of(ThresholdKind.PERCENT, "80"), used) is reached


def test_where_nothing_is_included_no_percentage_is_reached() -> None:
    """Given a price without a free tier, or no price, then a percentage is never reached."""
    assert not _reached(_of(ThresholdKind.PERCENT, "80"), "9999", tiers=None)
    assert not _reached(_of(ThresholdKind.PERCENT, "80"), "9999", tiers=FREE_THOUSAND[1:])


def test_an_amount_needs_no_price() -> None:
    """Given no subscription, when the amount is used, then its threshold is reached all the same."""
    assert _reached(_of(ThresholdKind.AMOUNT, "5.5"), "5.5", tiers=None)
    assert not _reached(_of(ThresholdKind.AMOUNT, "5.5"), "5.4", tiers=None)


def test_a_projected_cost_is_what_the_run_rate_leads_to() -> None:
    """Given half of March and 1,500 calls, when 3,000 are projected, then their 1,000 cents are reached."""
    assert _reached(_of(ThresholdKind.PROJECTED_COST, "1000"), "1500")
    assert not _reached(_of(ThresholdKind.PROJECTED_COST, "1001"), "1500")
    assert not _reached(_of(ThresholdKind.PROJECTED_COST, "1"), "1500", tiers=None)


def test_an_alert_says_what_stood_when_it_fired() -> None:
    """Given a threshold that is reached, when its alert is read, then it has the period's whole standing."""
    threshold = _of(ThresholdKind.PERCENT, "100")
    (alert,) = due_alerts(
        "cus_1",
        [threshold],
        {("api_calls", MARCH): Decimal(1500)},
        METERS,
        {"api_calls": metered_item()},
        HALFWAY,
    )
    assert alert == UsageAlert(
        "cus_1", threshold, MARCH, HALFWAY, Decimal(1500), Decimal(1000), projected_cost=1000, currency="usd"
    )


def test_each_meter_is_measured_in_its_own_period() -> None:
    """Given two meters of which one is priced by the week, when both alert, then each names its period."""
    week = Period(datetime(2026, 3, 12, tzinfo=UTC), datetime(2026, 3, 19, tzinfo=UTC))
    weekly = metered_item(metered_price(FREE_THOUSAND, every=(1, "week")), week)
    thresholds = [_of(ThresholdKind.AMOUNT, "1", meter) for meter in METERS]
    used = {("api_calls", week): Decimal(1), ("storage", MARCH): Decimal(1)}
    alerts = due_alerts("cus_1", thresholds, used, METERS, {"api_calls": weekly}, HALFWAY)
    assert [alert.period for alert in alerts] == [week, MARCH]


def test_a_threshold_of_a_meter_that_is_gone_is_passed_over() -> None:
    """Given a threshold of an unknown meter, when others are reached, then it alone says nothing."""
    thresholds = [_of(ThresholdKind.AMOUNT, "1", "gone"), _of(ThresholdKind.AMOUNT, "1")]
    used = {("api_calls", MARCH): Decimal(1), ("gone", MARCH): Decimal(1)}
    alerts = due_alerts("cus_1", thresholds, used, METERS, {}, HALFWAY)
    assert [alert.threshold.meter for alert in alerts] == ["api_calls"]
