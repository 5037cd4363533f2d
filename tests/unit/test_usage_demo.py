from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from local.usage_demo.__main__ import shown
from local.usage_demo.story import usage

SINCE = datetime(2026, 11, 2, tzinfo=UTC)


def test_the_same_span_tells_the_same_usage() -> None:
    """Given a span, when it is told whole and in two parts, then the events are the same."""
    middle, until = SINCE + timedelta(hours=31, minutes=17), SINCE + timedelta(days=3)
    assert [*usage(SINCE, middle), *usage(middle, until)] == list(usage(SINCE, until))


def test_every_event_has_an_id_and_a_time_of_its_span() -> None:
    """Given a week, when told, then no id comes twice, every time lies in it, and all meters have usage."""
    until = SINCE + timedelta(days=7)
    events = list(usage(SINCE, until))
    assert max(Counter(event["id"] for event in events).values()) == 1
    assert all(SINCE <= datetime.fromisoformat(event["time"]) < until for event in events)
    assert {event["type"] for event in events} == {"api_calls", "storage_gb", "user_active"}


def test_a_month_uses_more_than_the_plan_includes() -> None:
    """Given the demo's plan of 50,000 calls, when a month is told, then there is some overage."""
    told = usage(SINCE, SINCE + timedelta(days=30))
    calls = sum(event["data"]["value"] for event in told if event["type"] == "api_calls")
    assert 50_000 < calls < 80_000


def test_usage_is_shown_with_bars() -> None:
    """Given usage with and without something included, when shown, then only the first has a bar."""
    said = {
        "period": {"start": "a", "end": "b"},
        "meters": [
            {"meter": "calls", "used": "45", "included": "50", "percent": "90.0",
             "alerts": [{"kind": "percent", "value": "80"}]},
            {"meter": "peak", "used": "7", "included": None, "percent": None, "alerts": []},
        ],
    }  # fmt: skip
    first, second = shown(said)[1:]
    assert "█" * 27 + "░" * 3 in first
    assert first.endswith("45 of 50 (90.0 %) · alert at 80 percent")
    assert second.split() == ["peak", "7"]
