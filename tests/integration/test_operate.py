"""The operator's commands, over the real functions, PostgreSQL, SQS, Secrets Manager and a Stripe."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from operate.backfill import BackfillBar, backfill
from operate.cloud import OperateError
from operate.replay import inbox, replay_dead
from operate.replay import replay as replay_events
from tests.fakes.stripe_payloads import customer, event, invoice

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

    from tests.support.operated import Operated


def created(number: int) -> dict[str, Any]:
    return event("customer.created", customer(id=f"cus_{number}"), id=f"evt_{number}")


def test_a_backfill_is_called_until_it_is_done(operated: Operated) -> None:
    """Given more than one call can do, and calls that fail, when backfilled, all is mirrored and shown."""
    operated.stripe.load(*(customer(id=f"cus_{n}") for n in range(250)), invoice(total_discount_amounts=[]))
    operated.functions.failures = 2
    waits: list[float] = []
    assert backfill(operated.cloud, operated.out, seconds=1e-9, sleep=waits.append) == 0
    told = operated.told()
    assert re.search(r"✓ customer +3 pages +250 objects", told)
    assert re.search(r"✓ invoice +1 pages +1 objects", told)
    assert waits == [2.0, 4.0]
    assert len(operated.functions.calls) > 5
    rows = operated.owner.execute("SELECT count(*) AS n FROM customers").fetchall()
    assert rows[0]["n"] == 250


def test_a_backfill_that_goes_on_failing_stops(operated: Operated) -> None:
    """Given a database that stays away, when backfilled, then the command gives up with the reason."""
    operated.functions.failures = 100
    with pytest.raises(OperateError, match="The database does not answer"):
        backfill(operated.cloud, operated.out, sleep=lambda _: None)


class Terminal(io.StringIO):
    """A text stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Return that it is."""
        return True


def test_on_a_terminal_the_bar_is_one_line_that_moves() -> None:
    """Given a terminal, when a kind goes on, then its line is drawn over, with how far back the list is."""
    clock = iter([0.0, 0.0, 2.0, 3.0])
    out = Terminal()
    bar = BackfillBar(out, clock=lambda: next(clock))
    kind = {
        **dict.fromkeys(("pages", "objects", "fetched", "checked", "deleted", "unreadable"), 0),
        "kind": "invoice",
        "finished": False,
        "stopped": None,
        "oldest": "2024-03-01T00:00:00+00:00",
    }
    bar.show([{**kind, "pages": 1, "objects": 100}])
    bar.show([{**kind, "pages": 11, "objects": 1100}])
    bar.show([{**kind, "pages": 12, "objects": 1200, "finished": True, "deleted": 1}])
    lines = out.getvalue().split("\r\x1b[2K")
    assert "/s" not in lines[1]
    assert "500/s  back to 2024-03-01" in lines[2]
    assert lines[3].startswith("✓ invoice")
    assert lines[3].endswith("1 deleted\n")
    assert out.getvalue().count("\n") == 1


def test_a_quarantined_event_is_replayed_and_followed(operated: Operated) -> None:
    """Given a quarantined event that can be read now, when replayed, then it is said that it applied (11)."""
    operated.apply(created(1))
    operated.owner.execute(
        "INSERT INTO stripe_webhook_events"
        " (id, type, livemode, created, outcome, reason, payload, received_at, ended_at)"
        " VALUES ('evt_2', 'customer.created', false, now(), 'quarantined', 'our fault', %s, now(), now())",
        [json.dumps(created(2))],
    )
    assert replay_events(operated.cloud, ["evt_2"], operated.follower(), operated.out) == 0
    told = operated.told()
    assert "evt_2  queued, from the inbox" in told
    assert re.search(r"evt_2  applied +customer.created", told)
    assert replay_events(operated.cloud, ["evt_1", "evt_none"], operated.follower(), operated.out) == 1
    told = operated.told()
    assert "it has ended, nothing to do" in told
    assert "evt_none  Neither the inbox nor Stripe has this event." in told


def test_an_event_that_is_still_bad_is_quarantined_again(operated: Operated) -> None:
    """Given an event that still cannot be read, when replayed, then the command says so and fails."""
    operated.apply(event("invoice.paid", invoice(total=1.5), id="evt_1"))
    assert replay_events(operated.cloud, ["evt_1"], operated.follower(), operated.out) == 1
    assert "quarantined  invoice.paid" in operated.told()


def test_an_event_that_does_not_end_is_not_waited_for_without_bound(operated: Operated) -> None:
    """Given a queue that nobody works off, when replayed, then the command says that it waits there."""
    operated.stripe.load(created(1))
    operated.functions.work = lambda: None
    assert replay_events(operated.cloud, ["evt_1"], operated.follower(wait=0), operated.out) == 1
    assert "evt_1  not ended within 0 s: waits in the queue" in operated.told()


def test_dead_letters_go_back_and_are_followed(operated: Operated) -> None:
    """Given events and poison among the dead letters, when redriven, then all move and ends are told (11)."""
    dead = operated.cloud.outputs["DeadStripeEventsQueueUrl"]
    for number in range(12):
        operated.sqs.send_message(QueueUrl=dead, MessageBody=json.dumps(created(number)))
    operated.sqs.send_message(QueueUrl=dead, MessageBody="poison")
    assert replay_dead(operated.cloud, operated.follower(), operated.out) == 0
    told = operated.told()
    assert "13 of about 13 messages moved to the queue" in told
    assert re.search(r"12 applied", told)
    assert "Messages" not in operated.sqs.receive_message(QueueUrl=dead)
    assert replay_dead(operated.cloud, operated.follower(), operated.out) == 0


def test_many_dead_letters_are_moved_by_sqs_itself(
    operated: Operated, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given more dead letters than are moved one by one, when redriven, then SQS is told to move them."""
    asked: list[str] = []

    class Queues:
        def get_queue_attributes(self, **_: object) -> dict[str, Any]:
            return {"Attributes": {"ApproximateNumberOfMessages": "1001", "QueueArn": "arn:aws:sqs:dead"}}

        def start_message_move_task(self, SourceArn: str) -> None:  # noqa: N803 - boto3's names
            asked.append(SourceArn)

    cloud = replace(operated.cloud, queues=cast("SQSClient", Queues()))
    assert replay_dead(cloud, operated.follower(), operated.out) == 0
    assert asked == ["arn:aws:sqs:dead"]
    assert "1,001 messages are on their way" in operated.told()


def test_where_sqs_has_no_such_task_all_are_moved_one_by_one(
    operated: Operated, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a cloud without that task, when there are many dead letters, then each is moved from here."""
    monkeypatch.setattr("operate.replay.MOST_BY_HAND", 2)
    dead = operated.cloud.outputs["DeadStripeEventsQueueUrl"]
    for number in range(12):
        operated.sqs.send_message(QueueUrl=dead, MessageBody=json.dumps(created(number)))
    assert replay_dead(operated.cloud, operated.follower(), operated.out) == 0
    assert "12 of about 12 messages moved" in operated.told()


def test_the_inbox_is_shown_without_payloads(operated: Operated) -> None:
    """Given a quarantined event, when shown, then its reason is there, and its payload when asked for."""
    operated.apply(event("invoice.paid", invoice(total=1.5, footer="canary"), id="evt_1"))
    look: dict[str, Any] = {"outcome": "quarantined", "limit": 20, "payload": False}
    assert inbox(operated.cloud, operated.out, event=None, **look) == 0
    assert inbox(operated.cloud, operated.out, event="evt_1", **look) == 0
    told = operated.told()
    assert told.count("invoice.total: not an integer") == 2
    assert "canary" not in told
    inbox(operated.cloud, operated.out, event="evt_1", **(look | {"payload": True}))
    assert "canary" in operated.told()
    assert inbox(operated.cloud, operated.out, event="evt_none", **look) == 1
