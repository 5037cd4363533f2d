"""Usage over HTTP only: events in with the API key, alerts and what was used out with the token."""

from __future__ import annotations

import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tests.support.http import call, get

if TYPE_CHECKING:
    from tests.support.http import Answer

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
