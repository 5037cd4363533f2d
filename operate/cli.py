"""The commands."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from operate.cloud import FunctionFailedError, OperateError, find_cloud

if TYPE_CHECKING:
    from collections.abc import Sequence

    from operate.cloud import Cloud

_INTERRUPTED = 130
_POLICIES = ("open_period", "next_period", "ignore")
_OUTCOMES = ("applied", "stale", "ignored", "quarantined", "failed")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status: 0 done, 1 something to mend, 2 wrong usage."""
    given = _parser().parse_args(arguments)
    if given.command == "event-types":
        from operate.endpoint import event_types_table  # noqa: PLC0415 - each command loads what it needs only

        sys.stdout.write(event_types_table())
        return 0
    try:
        return _run(given, find_cloud(given.stack or None))
    except FunctionFailedError as error:
        sys.stderr.write(f"error: the function failed: {error}; its log says more\n")
    except OperateError as error:
        sys.stderr.write(f"error: {error}\n")
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted; what is done stays, and the same command goes on there.\n")
        return _INTERRUPTED
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m operate", description="An operator's commands.")
    parser.add_argument("--stack", help="the stack's name in AWS; the local cloud without")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("backfill", help="bring the mirror to what Stripe's lists of objects say")
    commands.add_parser("move-usage", help="move usage to the store that the stack's UsageStore names")
    late = commands.add_parser("late-usage", help="say what becomes of usage that comes after it was billed")
    late.add_argument("customer", metavar="CUSTOMER")
    late.add_argument("policy", nargs="?", choices=_POLICIES, help="without one, what holds is shown")
    commands.add_parser("sweep", help="look now for events that never came")
    commands.add_parser("report-usage", help="tell Stripe's meters now what was used")
    replay = commands.add_parser("replay", help="put events on the queue again that did not end well")
    replay.add_argument("events", nargs="+", metavar="EVENT")
    dead = commands.add_parser("replay-dead", help="move the dead-letter queue's messages back")
    for command in (replay, dead):
        command.add_argument("--wait", type=float, default=60.0, help="seconds to watch how they end")
    inbox = commands.add_parser("inbox", help="show what became of events")
    inbox.add_argument("event", nargs="?", metavar="EVENT")
    inbox.add_argument("--outcome", choices=_OUTCOMES, default="quarantined")
    inbox.add_argument("--limit", type=int, default=20)
    inbox.add_argument("--payload", action="store_true", help="show a quarantined event itself, too")
    commands.add_parser("stripe-webhook", help="create or update the endpoint at Stripe")
    commands.add_parser("event-types", help="print the table of docs/stripe-events.md")
    return parser


def _run(given: argparse.Namespace, cloud: Cloud) -> int:
    # Each command loads what it needs only.
    from operate import backfill, endpoint, late_usage, move_usage, replay  # noqa: PLC0415

    out = sys.stdout
    match given.command:
        case "backfill" | "move-usage" as command:
            work = backfill.backfill if command == "backfill" else move_usage.move_usage
            return work(cloud, out)
        case "late-usage":
            return late_usage.late_usage(cloud, out, given.customer, given.policy)
        case "sweep" | "report-usage":
            name = "SweepFunctionName" if given.command == "sweep" else "ReportUsageFunctionName"
            answer = cloud.call(name, {})
            replay.say(out, ", ".join(f"{name}: {value}" for name, value in answer.items()))
            return 0
        case "replay" | "replay-dead" as command:
            follower = replay.Follower(cloud, out, wait=given.wait)
            is_dead = command == "replay-dead"
            return (
                replay.replay_dead(cloud, follower, out)
                if is_dead
                else replay.replay(cloud, given.events, follower, out)
            )
        case "inbox":
            return replay.inbox(
                cloud,
                out,
                event=given.event,
                outcome=given.outcome,
                limit=given.limit,
                payload=given.payload,
            )
        case _:
            return endpoint.ensure_endpoint(cloud, out)
