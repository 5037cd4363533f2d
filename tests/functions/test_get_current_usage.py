"""GET /api/v1/billing/usage/current."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from billing import bootstrap
from billing.adapters.postgres.usage import PostgresUsageStore
from billing.adapters.postgres.usage_alerts import alert_statements
from billing.domain.periods import Period
from billing.domain.usage_alerts import Threshold, ThresholdKind, UsageAlert
from billing.entrypoints.routes import GET_CURRENT_USAGE
from tests.support.metered import MARCH
from tests.support.usage_account import CATALOGUE, NOW, UsageAccount, subscription

if TYPE_CHECKING:
    from billing.adapters.postgres.connection import Database
    from tests.support.api import Api


@pytest.fixture
def account(worker_database: Database, api: Api, monkeypatch: pytest.MonkeyPatch) -> UsageAccount:
    """Return the usage of cus_1, at NOW."""
    monkeypatch.setattr(bootstrap, "now", lambda: NOW)
    return UsageAccount(PostgresUsageStore(worker_database))


def _current(api: Api, token: str) -> dict[str, Any]:
    answer = api.get(GET_CURRENT_USAGE, token=token)
    assert answer.status == 200, answer.body
    body: dict[str, Any] = answer.json
    return body


def _meter(body: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [meter for meter in body["meters"] if meter["meter"] == name]
    assert isinstance(found, dict)
    return found


def test_a_priced_meter_is_told_whole(api: Api, account: UsageAccount) -> None:
    """Given 1,234 calls of 1,000 included by mid-March, when asked, then every figure is exact."""
    api.mirror(*CATALOGUE, subscription())
    account.use("api_calls", "1233.5", MARCH.start)
    account.use("api_calls", "0.50", NOW)
    account.use("api_calls", "99999", MARCH.start - timedelta(microseconds=1))
    body = _current(api, api.customer())
    march = {"start": "2026-03-01T00:00:00Z", "end": "2026-04-01T00:00:00Z"}
    assert {name: value for name, value in body.items() if name != "meters"} == {
        "period": march,
        "as_of": "2026-03-16T12:00:00Z",
        "currency": "usd",
        "subscription": {"id": "sub_cus_1", "status": "active"},
    }
    assert _meter(body, "api_calls") == {
        "meter": "api_calls",
        "display_name": "API calls",
        "aggregation": "sum",
        "period": march,
        "used": "1234",
        "included": "1000",
        "remaining": "0",
        "percent": "123.4",
        "overage": "234",
        "overage_unit_amount": "0.5",
        "cost": {"amount": 117, "currency": "usd"},
        "projected": {"used": "2468", "cost": {"amount": 734, "currency": "usd"}},
        "alerts": [],
    }


def test_without_a_subscription_there_is_use_and_no_money(api: Api, account: UsageAccount) -> None:
    """Given usage and no subscription, when asked, then it is the month's, and nothing is included."""
    account.use("storage_gb", "12.5", NOW - timedelta(days=1))
    account.use("storage_gb", "3", NOW)
    for user in ("u1", "u2", "u1"):
        account.use("active_users", user)
    body = _current(api, api.customer())
    assert (body["currency"], body["subscription"]) == (None, None)
    assert [meter["meter"] for meter in body["meters"]] == ["active_users", "api_calls", "storage_gb"]
    storage = _meter(body, "storage_gb")
    assert (storage["used"], storage["projected"]) == ("12.5", {"used": "12.5", "cost": None})
    for name in ("included", "remaining", "percent", "overage", "overage_unit_amount", "cost"):
        assert storage[name] is None
    assert _meter(body, "active_users")["used"] == "2"
    assert _meter(body, "api_calls")["used"] == "0"


def test_each_meter_has_its_own_period(api: Api, account: UsageAccount) -> None:
    """Given a subscription from the 5th and a meter without price, when asked, then both periods are told."""
    fifth = datetime(2026, 3, 5, 8, 30, tzinfo=UTC)
    own = subscription(period=Period(fifth, datetime(2026, 4, 5, 8, 30, tzinfo=UTC)))
    api.mirror(*CATALOGUE, own)
    for meter in ("api_calls", "storage_gb"):
        account.use(meter, "7", fifth - timedelta(seconds=1))
        account.use(meter, "3", fifth)
    body = _current(api, api.customer())
    calls, storage = _meter(body, "api_calls"), _meter(body, "storage_gb")
    assert calls["used"] == "3"
    assert (
        calls["period"] == body["period"] == {"start": "2026-03-05T08:30:00Z", "end": "2026-04-05T08:30:00Z"}
    )
    assert (storage["used"], storage["period"]["start"]) == ("7", "2026-03-01T00:00:00Z")


def test_a_period_that_stripe_has_not_renewed_yet_goes_on_by_itself(api: Api, account: UsageAccount) -> None:
    """Given a mirror whose period ended, when asked, then the next one is shown, with its own usage."""
    february = Period(datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 2, 28, tzinfo=UTC))
    api.mirror(*CATALOGUE, subscription(period=february))
    account.use("api_calls", "5", datetime(2026, 2, 27, 23, tzinfo=UTC))
    account.use("api_calls", "2", datetime(2026, 2, 28, tzinfo=UTC))
    calls = _meter(_current(api, api.customer()), "api_calls")
    assert (calls["used"], calls["period"]["end"]) == ("2", "2026-03-31T00:00:00Z")


def test_alerts_of_this_period_are_shown(api: Api, account: UsageAccount, worker_database: Database) -> None:
    """Given alerts of this period and of the last one, when asked, then this one's are there, in order."""
    api.mirror(*CATALOGUE, subscription())
    february = Period(datetime(2026, 2, 1, tzinfo=UTC), MARCH.start)

    def fire(percent: int, period: Period, after: int) -> None:
        threshold = Threshold("api_calls", ThresholdKind.PERCENT, Decimal(percent))
        at = period.start + timedelta(hours=after)
        alert = UsageAlert("cus_1", threshold, period, at, Decimal(percent * 10), Decimal(1000), 5, "usd")
        worker_database.write(*alert_statements(alert))

    fire(100, MARCH, 9)
    fire(80, MARCH, 5)
    fire(80, february, 5)
    calls = _meter(_current(api, api.customer()), "api_calls")
    assert calls["alerts"] == [
        {"kind": "percent", "value": "80", "fired_at": "2026-03-01T05:00:00Z", "used": "800"},
        {"kind": "percent", "value": "100", "fired_at": "2026-03-01T09:00:00Z", "used": "1000"},
    ]


def test_an_event_of_the_next_minutes_counts_already(api: Api, account: UsageAccount) -> None:
    """Given an event that lies five minutes ahead, when asked, then it is in the running period."""
    account.use("api_calls", "1", NOW + timedelta(minutes=5))
    assert _meter(_current(api, api.customer()), "api_calls")["used"] == "1"


def test_a_customer_sees_its_own_usage_only(api: Api, account: UsageAccount) -> None:
    """Given usage of two customers, when each asks, then it sees its own."""
    account.use("api_calls", "5")
    UsageAccount(account.store, "cus_2").use("api_calls", "70")
    assert _meter(_current(api, api.customer()), "api_calls")["used"] == "5"
    assert _meter(_current(api, api.customer("boris", "cus_2")), "api_calls")["used"] == "70"


def test_a_parameter_is_refused_by_name(api: Api) -> None:
    """Given any parameter, when asked, then 422 names it."""
    answer = api.get(GET_CURRENT_USAGE, token=api.customer(), query="meter=api_calls")
    assert (answer.status, answer.json["errors"][0]["field"]) == (422, "meter")


def test_switched_off_it_is_503(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given the feature off, when asked, then 503 feature_disabled."""
    monkeypatch.setenv("FEATURE_FLAGS", '{"usage": {"default": false}}')
    answer = api.get(GET_CURRENT_USAGE, token=api.customer())
    assert (answer.status, answer.json["code"]) == (503, "feature_disabled")
