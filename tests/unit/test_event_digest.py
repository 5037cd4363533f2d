from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest

from billing.entrypoints.event_digest import event_digest
from tests.fakes.stripe_payloads import event, invoice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

type Path = tuple[str | int, ...]


def delivered_again(payload: dict[str, Any]) -> dict[str, Any]:
    """Return the event as another delivery tells it: other bytes, other links, a member that was added."""
    again = {**payload, "pending_webhooks": 7, "request": {"id": "req_2", "idempotency_key": None}}
    again["data"] = rendered(payload["data"])
    text = json.dumps(dict(reversed(again.items())), indent=2)
    return dict(json.loads(text))


def rendered(value: Any) -> Any:
    if isinstance(value, list):
        return [rendered(one) for one in value]
    if isinstance(value, str) and value.startswith("https://"):
        return f"{value}?s=il"
    if not isinstance(value, dict):
        return value
    added: dict[str, Any] = {"added_meanwhile": None, "also_added": [], "with_parts": {"part": None}}
    return {name: rendered(one) for name, one in reversed(value.items())} | added


def leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield where a fact stands: what is neither null nor a link nor a secret."""
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for name, one in pairs:
            yield from leaves(one, (*path, name))
    elif value is not None and not str(value).startswith("http") and path[-1] != "client_secret":
        yield path


def changed(payload: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return the event with another value there."""
    other = copy.deepcopy(payload)
    at: Any = other["data"]
    for name in path[:-1]:
        at = at[name]
    value = at[path[-1]]
    at[path[-1]] = value + 1 if isinstance(value, int | float) else f"{value}x"
    return other


def test_every_recorded_event_delivered_again_has_its_digest(recorded_events: list[dict[str, Any]]) -> None:
    """Given recorded events of every version, when each comes in other bytes, then its digest is the same."""
    told = [payload for payload in recorded_events if payload.get("object") == "event"]
    assert len({payload.get("api_version") for payload in told}) > 10
    for payload in told:
        digest = event_digest(payload)
        assert digest is not None
        assert len(bytes.fromhex(digest)) == 16
        assert event_digest(delivered_again(payload)) == digest


def test_every_fact_of_an_event_is_in_its_digest(zulip_events: list[dict[str, Any]]) -> None:
    """Given a recorded event of each type, when any one of its facts is another, then so is its digest."""
    by_type = {payload["type"]: payload for payload in zulip_events}
    for payload in by_type.values():
        digest = event_digest(payload)
        for path in leaves(payload["data"]):
            assert event_digest(changed(payload, path)) != digest, (payload["type"], path)


@pytest.mark.parametrize(
    "other",
    [
        lambda it: it | {"total": None},
        lambda it: {name: value for name, value in it.items() if name != "total"},
        lambda it: it | {"lines": {**it["lines"], "data": []}},
        lambda it: it | {"metadata": {"order": "1"}},
    ],
)
def test_what_is_taken_away_is_another_content(other: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Given an event, when one says a fact less or more, then its digest is another."""
    paid = invoice(status="paid")
    assert event_digest(event("invoice.paid", other(paid))) != event_digest(event("invoice.paid", paid))


def test_a_thin_event_has_nothing_to_compare() -> None:
    """Given a thin event, fetched or delivered, when its digest is asked for, then there is none."""
    thin = {"object": "v2.core.event", "id": "evt_1", "type": "v1.billing.meter.error_report_triggered"}
    assert event_digest(thin) is event_digest(thin | {"data": {"reason": {}}}) is None
