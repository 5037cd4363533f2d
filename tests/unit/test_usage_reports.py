from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from billing.domain.usage_reports import HourReported, StripeMeter, UsageReport, is_delivered
from billing.settings import SettingsError, meter_events_per_second, usage_retention

T0 = datetime(2026, 6, 1, tzinfo=UTC)
METER = StripeMeter("mtr_1", "stripe_customer_id", "value", adds_up=True)
REPORT = UsageReport("u1-x", "cus_1", "calls", "calls", T0, Decimal(6), T0, METER)


@pytest.mark.parametrize(
    ("found", "delivered"), [(10, False), (16, True), (19, True), (13, None), (9, None), (0, None)]
)
def test_stripes_sum_of_the_hour_tells_whether_a_report_came(found: int, delivered: bool | None) -> None:
    """Given ten sent and nine not, six of these in question, when Stripe's sum is read, then it tells."""
    hour = HourReported(sent=Decimal(10), unsent=Decimal(9))
    assert is_delivered(REPORT, hour, Decimal(found)) is delivered


def test_events_are_kept_for_thirteen_months_unless_told_otherwise() -> None:
    """Given the setting, when it is read, then it is a number of months, and nothing else is taken."""
    assert usage_retention({}) == 13
    assert usage_retention({"USAGE_RETENTION_MONTHS": "0"}) == 0
    with pytest.raises(SettingsError, match="USAGE_RETENTION_MONTHS"):
        usage_retention({"USAGE_RETENTION_MONTHS": "a year"})


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"STRIPE_LIVEMODE": "true"}, 1_000),
        ({"STRIPE_LIVEMODE": "true", "STRIPE_RATE_LIMIT": "0"}, 1_000),
        ({"STRIPE_LIVEMODE": "true", "STRIPE_RATE_LIMIT": "50"}, 50),
        ({"STRIPE_LIVEMODE": "false"}, 25),
        ({"STRIPE_LIVEMODE": "false", "STRIPE_RATE_LIMIT": "40"}, 40),
    ],
)
def test_meter_events_have_a_limit_of_their_own_live(environment: dict[str, str], expected: float) -> None:
    """Given a mode and perhaps a limit, when read, then meter events are limited as Stripe limits them."""
    assert meter_events_per_second(environment) == expected
