"""Usage over HTTP only: events in with the API key, alerts and what was used out with the token."""

from __future__ import annotations

import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.http import call, get
from tests.support.local import operate

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.http import Answer

pytestmark = pytest.mark.timeout(900)  # a busy machine takes minutes to deploy the local cloud

BASE = "/api/v1/billing"


def send(endpoints: dict[str, Any], events: object, content_type: str, token: str | None = None) -> Answer:
    return call(
        "POST",
        f"{endpoints['api_url']}{BASE}/usage/events",
        token=token or endpoints["api_keys"]["customer"],
        headers={"Content-Type": content_type},
        body=json.dumps(events).encode(),
    )


def an_event(source: str, number: int) -> dict[str, object]:
    return {
        "specversion": "1.0",
        "id": f"e{number}",
        "source": source,
        "type": "api_calls",
        "data": {"value": f"0.{number:03}"},
    }


def used(endpoints: dict[str, Any]) -> Decimal:
    current = get(f"{endpoints['api_url']}{BASE}/usage/current", token=endpoints["tokens"]["customer"])
    assert current.status == 200, current.body
    [calls] = [meter for meter in current.json["meters"] if meter["meter"] == "api_calls"]
    return Decimal(calls["used"])


def test_batches_of_eight_clients_are_exact_to_the_event(endpoints: dict[str, Any]) -> None:
    """Given eight clients with overlapping batches, when all are sent, then what was used is exact."""
    source = f"/{secrets.token_hex(8)}"
    before = used(endpoints)
    events = [an_event(source, number) for number in range(900)]
    batches = [events[100 * client : 100 * client + 200] for client in range(8)]

    def of(batch: list[dict[str, object]]) -> dict[str, Any]:
        answer = send(endpoints, batch, "application/cloudevents-batch+json")
        assert answer.status == 200, answer.body
        found: dict[str, Any] = answer.json
        return found

    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(of, batches))
    assert sum(answer["accepted"] for answer in answers) == 900
    assert sum(answer["duplicates"] for answer in answers) == 700
    assert [answer["errors"] for answer in answers] == [[]] * 8
    assert used(endpoints) - before == sum(Decimal(number) for number in range(900)) / 1000


def test_ten_thousand_events_alert_once_and_reach_stripes_meter(
    endpoints: dict[str, Any], local_cloud: Path
) -> None:
    """Given 10,000 events of eight clients, a fifth twice, when reported, then all sums are one."""
    url, token = f"{endpoints['api_url']}{BASE}/alerts", endpoints["tokens"]["customer"]
    wanted = [{"meter": "api_calls", "kind": "percent", "value": value} for value in ("80", "100")]
    body = json.dumps({"thresholds": wanted}).encode()
    assert (
        call("PUT", url, token=token, headers={"Content-Type": "application/json"}, body=body).status == 200
    )
    source, before = f"/{secrets.token_hex(8)}", used(endpoints)
    events = [{**an_event(source, number), "data": {"value": 7}} for number in range(8_000)]
    sent = [*events, *events[::4]]
    batches = [sent[client::40] for client in range(40)]

    def of(batch: list[dict[str, object]]) -> Answer:
        return send(endpoints, batch, "application/cloudevents-batch+json")

    with ThreadPoolExecutor(8) as clients:
        answers = [answer.json for answer in clients.map(of, batches)]
    assert sum(answer["accepted"] for answer in answers) == 8_000
    assert sum(answer["duplicates"] for answer in answers) == 2_000
    total = used(endpoints)
    assert total - before == 56_000
    fired = [(each["kind"], each["value"]) for each in get(url, token=token).json["alerts"]]
    assert [fired.count(("percent", value)) for value in ("80", "100")] == [1, 1]
    reported = operate("report-usage", state=local_cloud)
    assert reported.returncode == 0, reported.stdout + reported.stderr
    assert at_stripe(endpoints) == int(total)


def at_stripe(endpoints: dict[str, Any]) -> int:
    """Return what the stand-in's meter adds up to in the customer's period."""
    url, key = f"{endpoints['stripe_url']}/v1", "sk_test_any"
    current = get(f"{endpoints['api_url']}{BASE}/usage/current", token=endpoints["tokens"]["customer"]).json
    start, end = (
        int(datetime.fromisoformat(current["period"][name]).timestamp()) for name in ("start", "end")
    )
    found = [
        get(f"{url}/{path}", token=key).json
        for path in ("billing/meters", f"subscriptions/{current['subscription']['id']}")
    ]
    [meter] = [each for each in found[0]["data"] if each["event_name"] == "api_calls"]
    summaries = get(
        f"{url}/billing/meters/{meter['id']}/event_summaries"
        f"?customer={found[1]['customer']}&start_time={start}&end_time={end}",
        token=key,
    ).json
    return sum(int(summary["aggregated_value"]) for summary in summaries["data"])


def test_one_event_is_known_when_it_comes_again(endpoints: dict[str, Any]) -> None:
    """Given an event, when it is sent again and then changed, then it is a duplicate and then 409."""
    event = an_event(f"/{secrets.token_hex(8)}", 1)
    for expected in ({"accepted": 1, "duplicates": 0}, {"accepted": 0, "duplicates": 1}):
        answer = send(endpoints, event, "application/cloudevents+json")
        assert (answer.status, answer.json) == (200, {**expected, "errors": []})
    assert send(endpoints, {**event, "data": {"value": 2}}, "application/json").status == 409


def test_a_browsers_token_reports_no_usage(endpoints: dict[str, Any]) -> None:
    """Given the customer's token, when it reports usage, then 403, whatever it reports."""
    token = endpoints["tokens"]["customer"]
    answer = send(endpoints, [], "application/cloudevents-batch+json", token=token)
    assert (answer.status, answer.json["code"]) == (403, "forbidden")


def test_thresholds_are_set_and_shown(endpoints: dict[str, Any]) -> None:
    """Given a threshold, when it is put, then it holds, and the next event beyond it fires it."""
    url, token = f"{endpoints['api_url']}{BASE}/alerts", endpoints["tokens"]["customer"]
    value = f"0.{secrets.randbelow(10**9)}1"
    threshold = {"meter": "api_calls", "kind": "amount", "value": value}
    body = json.dumps({"thresholds": [threshold]}).encode()
    put = call("PUT", url, token=token, headers={"Content-Type": "application/json"}, body=body)
    assert (put.status, put.json["thresholds"]) == (200, [threshold])
    event = {**an_event(f"/{secrets.token_hex(8)}", 1), "data": {"value": 1}}
    send(endpoints, event, "application/cloudevents+json")
    fired = [(each["kind"], each["value"]) for each in get(url, token=token).json["alerts"]]
    assert fired.count(("amount", value)) == 1
