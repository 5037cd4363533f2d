"""GET /api/v1/billing/usage/history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from billing import bootstrap
from billing.adapters.postgres.usage import PostgresUsageStore
from billing.entrypoints.routes import GET_USAGE_HISTORY
from tests.support.usage_account import CATALOGUE, NOW, UsageAccount, subscription

if TYPE_CHECKING:
    from billing.adapters.postgres.connection import Database
    from tests.support.api import Api
    from tests.support.lambdas import Answer

NINTH = datetime(2026, 3, 9, tzinfo=UTC)


@pytest.fixture
def account(worker_database: Database, api: Api, monkeypatch: pytest.MonkeyPatch) -> UsageAccount:
    """Return the usage of cus_1, at NOW."""
    monkeypatch.setattr(bootstrap, "now", lambda: NOW)
    return UsageAccount(PostgresUsageStore(worker_database))


def points(answer: Answer) -> list[tuple[str, str | None, str]]:
    assert answer.status == 200, answer.body
    return [(point["start"], point["group"], point["used"]) for point in answer.json["data"]]


def refused(answer: Answer) -> list[str]:
    assert (answer.status, answer.json["code"]) == (422, "invalid_parameter"), answer.body
    return [error["field"] for error in answer.json["errors"]]


def test_without_a_span_the_days_of_the_current_period_are_shown(api: Api, account: UsageAccount) -> None:
    """Given usage of three days, one before the period, when asked, then the period's two are there."""
    api.mirror(*CATALOGUE, subscription())
    account.use("api_calls", "4", datetime(2026, 2, 28, 23, 59, tzinfo=UTC))
    account.use("api_calls", "1.50", NINTH)
    account.use("api_calls", "1", NINTH + timedelta(hours=23, minutes=59))
    account.use("api_calls", "7", NOW)
    answer = api.get(GET_USAGE_HISTORY, token=api.customer(), query="meter=api_calls")
    assert answer.json == {
        "meter": "api_calls",
        "aggregation": "sum",
        "from": "2026-03-01T00:00:00Z",
        "to": "2026-04-01T00:00:00Z",
        "granularity": "day",
        "group_by": None,
        "data": [
            {"start": "2026-03-09T00:00:00Z", "group": None, "used": "2.5"},
            {"start": "2026-03-16T00:00:00Z", "group": None, "used": "7"},
        ],
    }


def test_hours_are_cut_at_the_ends_of_the_span(api: Api, account: UsageAccount) -> None:
    """Given usage around both ends of a span, when asked by the hour, then only what lies within counts."""
    for minute, value in ((29, "1"), (30, "10"), (59, "100"), (75, "1000"), (90, "10000")):
        account.use("api_calls", value, NINTH + timedelta(minutes=minute))
    query = "meter=api_calls&granularity=hour&from=2026-03-09T00:30:00Z&to=2026-03-09T02:30:00%2B01:00"
    answer = api.get(GET_USAGE_HISTORY, token=api.customer(), query=query)
    assert points(answer) == [("2026-03-09T00:00:00Z", None, "110"), ("2026-03-09T01:00:00Z", None, "1000")]


def test_a_history_is_split_by_a_property(api: Api, account: UsageAccount) -> None:
    """Given calls of two regions and of none, when split by region, then each has its points."""
    for region, value in (("us", "2"), ("eu", "3"), ("eu", "4"), ("", "5")):
        account.use("api_calls", value, NINTH, region=region)
    query = "meter=api_calls&group_by=region"
    day = "2026-03-09T00:00:00Z"
    answer = api.get(GET_USAGE_HISTORY, token=api.customer(), query=query)
    assert answer.json["group_by"] == "region"
    assert points(answer) == [(day, "", "5"), (day, "eu", "7"), (day, "us", "2")]


def test_other_aggregations_are_shown_by_their_rule(api: Api, account: UsageAccount) -> None:
    """Given levels and users of one day, when asked, then the largest and the different ones are told."""
    for value in ("8", "12.25", "3"):
        account.use("storage_gb", value, NINTH)
    for user in ("u1", "u2", "u1"):
        account.use("active_users", user, NINTH)
    token = api.customer()
    day = "2026-03-09T00:00:00Z"
    assert points(api.get(GET_USAGE_HISTORY, token=token, query="meter=storage_gb")) == [(day, None, "12.25")]
    assert points(api.get(GET_USAGE_HISTORY, token=token, query="meter=active_users")) == [(day, None, "2")]


def test_nobody_sees_what_another_used(api: Api, account: UsageAccount) -> None:
    """Given another customer's usage, when asked, then there is none."""
    UsageAccount(account.store, "cus_2").use("api_calls", "70", NINTH)
    assert points(api.get(GET_USAGE_HISTORY, token=api.customer(), query="meter=api_calls")) == []


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("", ["meter"]),
        ("meter=nothing", ["meter"]),
        ("meter=api_calls&meter=api_calls", ["meter"]),
        ("meter=api_calls&granularity=week", ["granularity"]),
        ("meter=api_calls&from=yesterday&to=2026-03-32T00:00:00Z", ["from", "to"]),
        ("meter=api_calls&from=2026-03-09T00:00:00", ["from"]),
        ("meter=api_calls&from=2026-03-09T00:00:00Z&to=2026-03-09T00:00:00Z", ["to"]),
        ("meter=api_calls&from=2026-05-01T00:00:00Z", ["to"]),
        ("meter=api_calls&from=2024-01-01T00:00:00Z&to=2025-02-04T00:00:00.000001Z", ["to"]),
        ("meter=api_calls&from=0001-01-01T00:00:00Z", ["to"]),
        ("meter=api_calls&granularity=hour", ["granularity"]),
        ("meter=api_calls&group_by=value", ["group_by"]),
        ("meter=storage_gb&group_by=region", ["group_by"]),
        ("meter=api_calls&limit=5", ["limit"]),
    ],
)
def test_what_is_not_understood_is_refused_by_name(
    api: Api, account: UsageAccount, query: str, fields: list[str]
) -> None:
    """Given a parameter that is missing, malformed or out of range, when asked, then 422 names it."""
    assert refused(api.get(GET_USAGE_HISTORY, token=api.customer(), query=query)) == fields


@pytest.mark.parametrize(
    "query",
    [
        "from=2024-01-01T00:00:00Z&to=2025-02-04T00:00:00Z",
        "granularity=hour&from=2026-03-09T00:00:00Z&to=2026-03-16T00:00:00Z",
        "from=0001-01-01T00:00:00Z&to=0001-01-02T00:00:00Z",
        "from=9999-12-30T00:00:00Z&to=9999-12-31T23:59:59.999999Z",
    ],
)
def test_the_longest_and_the_farthest_spans_are_answered(api: Api, account: UsageAccount, query: str) -> None:
    """Given a span of exactly the longest, or at the ends of the calendar, when asked, then it is 200."""
    assert points(api.get(GET_USAGE_HISTORY, token=api.customer(), query=f"meter=api_calls&{query}")) == []


def test_switched_off_it_is_503(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given the feature off, when asked, then 503 feature_disabled."""
    monkeypatch.setenv("FEATURE_FLAGS", '{"usage": {"default": false}}')
    answer = api.get(GET_USAGE_HISTORY, token=api.customer(), query="meter=api_calls")
    assert (answer.status, answer.json["code"]) == (503, "feature_disabled")
