"""What every Inbox promises."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from billing.adapters.postgres.inbox import PostgresInbox
from billing.adapters.postgres.mirror import PostgresMirror
from billing.domain.mirror import MalformedEvent, NotMirrored, Outcome, Receipt, Unreadable
from billing.domain.recovery import InboxRow
from tests.fakes.objects import SECOND, T0, a_customer, an_event
from tests.fakes.recovery import FakeInbox

if TYPE_CHECKING:
    from billing.adapters.postgres.connection import Connection
    from billing.use_cases.recovery_ports import Inbox


@pytest.fixture(params=["fake", "postgres"])
def inbox(request: pytest.FixtureRequest) -> Inbox:
    """Return an inbox with five events: one ignored, one failed, three quarantined."""
    rows: dict[str, tuple[Outcome, str | None, Any]] = {
        "evt_0": (Outcome.IGNORED, None, NotMirrored()),
        "evt_1": (Outcome.FAILED, "UnavailableError: away", a_customer()),
        **{f"evt_{n}": (Outcome.QUARANTINED, "invoice.total: null", Unreadable("")) for n in (2, 3, 4)},
    }
    if request.param == "postgres":
        owner: Connection = request.getfixturevalue("owner")
        database = request.getfixturevalue("worker_database")
        mirror = PostgresMirror(database)
        for number, (name, (outcome, reason, content)) in enumerate(rows.items()):
            receipt = Receipt(T0 + number * SECOND, 2, f'{{"id": "{name}"}}')
            mirror.record(replace(an_event(name, content), receipt=receipt), outcome, reason)
        owner.execute("UPDATE stripe_webhook_events SET ended_at = %s WHERE ended_at IS NOT NULL", [T0])
        return PostgresInbox(database)
    fake = FakeInbox()
    for number, (name, (outcome, reason, content)) in enumerate(rows.items()):
        event = an_event(name, content)
        fake.rows[name] = InboxRow(
            id=name,
            type=event.type,
            outcome=outcome,
            reason=reason,
            attempts=2,
            received_at=T0 + number * SECOND,
            ended_at=None if outcome is Outcome.FAILED else T0,
            object_id=event.object_id,
            api_version=event.api_version,
            created=event.created,
            payload=f'{{"id": "{name}"}}' if outcome is Outcome.QUARANTINED else None,
        )
    return fake


def test_an_event_is_told_whole(inbox: Inbox) -> None:
    """Given events in the inbox, when one is looked for, then everything about it is there."""
    found = inbox.find("evt_3")
    assert found is not None
    assert (found.outcome, found.reason, found.attempts) == (Outcome.QUARANTINED, "invoice.total: null", 2)
    assert (found.received_at, found.ended_at, found.payload) == (T0 + 3 * SECOND, T0, '{"id": "evt_3"}')
    failed = inbox.find("evt_1")
    assert failed is not None
    assert (failed.object_id, failed.ended_at, failed.payload) == ("cus_1", None, None)
    assert (failed.api_version, failed.created) == (
        "2026-05-27.dahlia",
        an_event("evt_1", a_customer()).created,
    )
    assert inbox.find("evt_none") is None


def test_another_event_under_a_known_id_is_kept_once_for_each_content(inbox: Inbox) -> None:
    """Given an ended event, when others come under its id, then the inbox counts them, copies once."""
    for number, digest in enumerate(("ab" * 16, "cd" * 16, "ab" * 16, None)):
        receipt = Receipt(T0 + number * SECOND, 1, "{}", digest)
        inbox.keep_conflict(replace(an_event("evt_0", NotMirrored()), receipt=receipt), "event.data: other")
    inbox.keep_conflict(MalformedEvent("evt_0", "invoice.paid", "event.created: missing"), "missing")
    found, other = inbox.find("evt_0"), inbox.find("evt_1")
    assert found is not None
    assert other is not None
    assert (found.conflicts, other.conflicts, found.outcome) == (3, 0, Outcome.IGNORED)
    assert [row.conflicts for row in inbox.newest(Outcome.IGNORED, 1)] == [3]


def test_the_last_events_that_ended_so_come_newest_first(inbox: Inbox) -> None:
    """Given three quarantined events, when the last two are asked for, then newest first, no payloads."""
    rows = inbox.newest(Outcome.QUARANTINED, 2)
    assert [(row.id, row.payload) for row in rows] == [("evt_4", None), ("evt_3", None)]
    assert [row.id for row in inbox.newest(Outcome.FAILED, 9)] == ["evt_1"]
    assert list(inbox.newest(Outcome.STALE, 9)) == []
