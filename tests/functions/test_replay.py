"""The replay as Lambda runs it: real handlers, PostgreSQL, SQS and a Stripe."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.stripe_payloads import event, invoice
from tests.support.lambdas import PROJECT
from tests.support.recovery import counted, old_event

if TYPE_CHECKING:
    from tests.support.recovery import Recovery


def test_a_quarantined_event_is_replayed_from_the_inbox(
    recovery: Recovery, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given a quarantined event, when replayed, then its payload goes to the queue as it came (11)."""
    bad = event("invoice.paid", invoice(total=1.5), id="evt_bad")
    recovery.apply(bad)
    capsys.readouterr()
    answer = recovery.call("replay_stripe_event", {"event": "evt_bad"})
    assert (answer["queued"], answer["source"]) == (True, "inbox")
    assert (answer["before"]["outcome"], answer["before"]["reason"]) == (
        "quarantined",
        "invoice.total: not an integer",
    )
    assert recovery.bodies() == [bad]
    assert counted(capsys)["StripeEventsReplayed"] == 1


def test_an_unknown_event_is_replayed_from_stripe(recovery: Recovery) -> None:
    """Given an event that only Stripe has, when replayed, then it is queued; one nobody has is said (11)."""
    known = old_event(1)
    recovery.stripe.load(known)
    assert recovery.call("replay_stripe_event", {"event": "evt_0001"})["source"] == "stripe"
    assert [one["id"] for one in recovery.bodies()] == ["evt_0001"]
    assert recovery.call("replay_stripe_event", {"event": "evt_none"}) == {
        "error": "Neither the inbox nor Stripe has this event."
    }


def test_an_event_that_ended_is_not_replayed(recovery: Recovery) -> None:
    """Given an applied event, when replayed, then nothing is queued, and it is said how it ended."""
    recovery.apply(old_event(1))
    answer = recovery.call("replay_stripe_event", {"event": "evt_0001"})
    assert (answer["queued"], answer["source"], answer["before"]["outcome"]) == (False, None, "applied")
    assert recovery.bodies() == []


def test_payloads_are_shown_only_when_asked_for(recovery: Recovery) -> None:
    """Given quarantined events, when listed or shown, then without payload; with it when asked for."""
    recovery.apply(event("invoice.paid", invoice(total=1.5, description="secret"), id="evt_a"), old_event(1))
    listed = recovery.call("replay_stripe_event", {"list": "quarantined"})
    assert [row["id"] for row in listed["events"]] == ["evt_a"]
    shown = recovery.call("replay_stripe_event", {"show": "evt_a"})
    assert "secret" not in json.dumps([listed, shown])
    asked = recovery.call("replay_stripe_event", {"show": "evt_a", "payload": True})
    assert "secret" in asked["event"]["payload"]
    assert recovery.call("replay_stripe_event", {"show": "evt_none"}) == {"event": None}


@pytest.mark.parametrize(
    "payload",
    [{}, {"event": ""}, {"event": 7}, {"show": "a\nb"}, {"list": "lost"}, {"list": "failed", "limit": "x"}],
)
def test_a_replay_of_nothing_is_refused(recovery: Recovery, payload: dict[str, Any]) -> None:
    """Given an order that names no event, when invoked, then the answer says what is wrong."""
    assert "error" in recovery.call("replay_stripe_event", payload)


def test_the_sample_replay_answers(recovery: Recovery) -> None:
    """Given the sample event and an empty inbox, when invoked, then it is not known."""
    sample = json.loads((PROJECT / "events" / "replay_stripe_event.json").read_bytes())
    assert recovery.call("replay_stripe_event", sample) == {"event": None}
