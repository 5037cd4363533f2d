"""`make replay`, `make replay-dead` and `make events`: events that did not end well, once more."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, TextIO

from operate.cloud import OperateError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from operate.cloud import Cloud

WAIT = 60.0
"""Seconds for which a replayed event is watched."""

MOST_BY_HAND = 1000
"""Messages of the dead-letter queue that are moved one by one, so that each can be followed."""

_BATCH = 10
_MOST_FOLLOWED = 200
_FUNCTION = "ReplayFunctionName"


class Follower:
    """Waits, with a bound, until events have ended, and says how."""

    def __init__(
        self,
        cloud: Cloud,
        out: TextIO,
        *,
        wait: float = WAIT,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._cloud = cloud
        self._out = out
        self._wait = wait
        self._clock = clock
        self._sleep = sleep

    def follow(self, before: Mapping[str, Mapping[str, Any] | None]) -> Counter[str]:
        """Return how many ended how; `before` has what the inbox told of each before it was queued."""
        left = dict(before)
        ended: Counter[str] = Counter()
        deadline = self._clock() + self._wait
        rows: dict[str, Mapping[str, Any] | None] = {}
        while left:
            for event_id in tuple(left):
                rows[event_id] = row = self._cloud.call(_FUNCTION, {"show": event_id})["event"]
                if row is not None and row["outcome"] != "failed" and _ending(row) != _ending(left[event_id]):
                    del left[event_id]
                    ended[row["outcome"]] += 1
                    say(self._out, describe(row))
            if not left or self._clock() >= deadline:
                break
            self._sleep(0.5)
        for event_id in left:
            row = rows[event_id]
            ended["not ended"] += 1
            state = "waits in the queue" if row is None else describe(row)
            say(self._out, f"{event_id}  not ended within {self._wait:.0f} s: {state}")
        return ended


def replay(cloud: Cloud, event_ids: Sequence[str], follower: Follower, out: TextIO) -> int:
    """Return 0 if every event has ended well: applied, stale or ignored."""
    queued: dict[str, Mapping[str, Any] | None] = {}
    failed = False
    for event_id in event_ids:
        answer = cloud.call(_FUNCTION, {"event": event_id})
        if "error" in answer:
            failed = True
            say(out, f"{event_id}  {answer['error']}")
        elif answer["queued"]:
            queued[event_id] = answer["before"]
            say(out, f"{event_id}  queued, from {'the inbox' if answer['source'] == 'inbox' else 'Stripe'}")
        else:
            say(out, f"{describe(answer['before'])}: it has ended, nothing to do")
    return int(failed or _badly(follower.follow(queued)))


def replay_dead(cloud: Cloud, follower: Follower, out: TextIO) -> int:
    """Move everything from the dead-letter queue to the events' queue; return 0 if it ended well."""
    dead = cloud.output("DeadStripeEventsQueueUrl")
    attributes = cloud.queues.get_queue_attributes(
        QueueUrl=dead, AttributeNames=["ApproximateNumberOfMessages", "QueueArn"]
    )["Attributes"]
    waiting = int(attributes["ApproximateNumberOfMessages"])
    if waiting > MOST_BY_HAND and _started(cloud, attributes["QueueArn"]):
        say(out, f"{waiting:,} messages are on their way to the queue; the inbox tells how they end")
        return 0
    moved, ids = _move(cloud, dead, 2 * max(waiting, MOST_BY_HAND))
    say(out, f"{moved:,} of about {waiting:,} messages moved to the queue")
    followed = dict.fromkeys(ids[:_MOST_FOLLOWED])
    ended = follower.follow(followed)
    for outcome, number in sorted(ended.items()):
        say(out, f"  {number:>5,} {outcome}")
    return int(_badly(ended))


def _started(cloud: Cloud, dead: str) -> bool:
    """Let SQS move everything by itself; return False where it cannot."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 - only here

    try:
        cloud.queues.start_message_move_task(SourceArn=dead)
    except ClientError as error:
        if error.response["Error"].get("Code") not in {"InvalidAction", "UnsupportedOperation"}:
            raise
        return False
    return True


def _move(cloud: Cloud, dead: str, most: int) -> tuple[int, list[str]]:
    """Move messages one batch after the other; return how many, and the ids of the events among them."""
    events = cloud.output("StripeEventsQueueUrl")
    moved, ids = 0, []
    while moved < most:
        received = cloud.queues.receive_message(
            QueueUrl=dead, MaxNumberOfMessages=_BATCH, VisibilityTimeout=60, WaitTimeSeconds=1
        ).get("Messages", [])
        if not received:
            break
        for message in received:
            body = message.get("Body", "")
            # Sent before it is deleted: a copy does no harm, a loss would.
            cloud.queues.send_message(QueueUrl=events, MessageBody=body)
            cloud.queues.delete_message(QueueUrl=dead, ReceiptHandle=message.get("ReceiptHandle", ""))
            moved += 1
            event_id = _id_of(body)
            if event_id is not None:
                ids.append(event_id)
    return moved, ids


def inbox(cloud: Cloud, out: TextIO, *, event: str | None, outcome: str, limit: int, payload: bool) -> int:
    """Show one event, or the last ones that ended so; payloads only when asked for."""
    if event is None:
        rows = cloud.call(_FUNCTION, {"list": outcome, "limit": limit})
        if "error" in rows:
            raise OperateError(str(rows["error"]))
        for row in rows["events"]:
            say(out, describe(row))
        say(
            out,
            f"{len(rows['events'])} {outcome}" + (", and maybe more" if len(rows["events"]) == limit else ""),
        )
        return 0
    answer = cloud.call(_FUNCTION, {"show": event, "payload": payload})
    if "error" in answer:
        raise OperateError(str(answer["error"]))
    row = answer["event"]
    if row is None:
        say(out, f"{event}  is not in the inbox: it waits in the queue, or never came")
        return 1
    say(out, describe(row))
    if row.get("payload"):
        say(out, str(row["payload"]))
    return 0


def describe(row: Mapping[str, Any]) -> str:
    """Return one line about a row of the inbox."""
    tries = f", {row['attempts']} tries" if row["attempts"] > 1 else ""
    others = f", {row['conflicts']} other events under its id" if row["conflicts"] else ""
    reason = f": {row['reason']}" if row["reason"] else ""
    received = str(row["received_at"])[:19]
    return f"{row['id']}  {row['outcome']:<11}  {row['type']}  received {received}{tries}{others}{reason}"


def say(out: TextIO, text: str) -> None:
    """Print a line at once."""
    out.write(f"{text}\n")
    out.flush()


def _ending(row: Mapping[str, Any] | None) -> tuple[object, object]:
    return (None, None) if row is None else (row["outcome"], row["ended_at"])


def _badly(ended: Mapping[str, int]) -> bool:
    return any(outcome not in {"applied", "stale", "ignored"} for outcome in ended)


def _id_of(body: str) -> str | None:
    try:
        event = json.loads(body)
    except ValueError:
        return None
    event_id = event.get("id") if isinstance(event, dict) else None
    return event_id if isinstance(event_id, str) else None
