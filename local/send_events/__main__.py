"""`python -m local.send_events --from DIR`: recorded Stripe events through the running system."""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from local.paths import LocalPaths
from local.problems import LocalCloudError
from local.progress import Progress
from local.send_events.passes import Order, plan
from local.send_events.sending import load_states, send, told
from local.send_events.source import read_events
from local.send_events.verifying import differences, wait_for_inbox

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from local.send_events.passes import Pass
    from local.send_events.source import Json

_CONCURRENCY = 8
_PATIENCE_SECONDS = 60.0
_LONGEST_SECONDS = 900.0
_SHOWN_DIFFERENCES = 20
_NEEDED = ("webhook_url", "webhook_secret", "stripe_url", "database_url")


def main(arguments: Sequence[str] | None = None) -> int:
    """Send the passes; return 0 when every answer was 2xx and the mirror is right after each, else 1."""
    options = _parser().parse_args(arguments)
    progress = Progress()
    try:
        endpoints = read_endpoints(options.endpoints)
        recorded = read_events(options.source, options.only)
        seed = secrets.randbelow(2**31) if options.seed is None else options.seed
        progress.say(f"{len(recorded)} recorded events, seed {seed}")
        passes = [plan(order, recorded, seed) for order in options.passes]
        problems = [problem for each in passes for problem in run_pass(each, endpoints, progress)]
    except LocalCloudError as error:
        print(f"send-events: {error}", file=sys.stderr)
        return 1
    for problem in problems[:_SHOWN_DIFFERENCES]:
        print(problem, file=sys.stderr)
    if len(problems) > _SHOWN_DIFFERENCES:
        print(f"… and {len(problems) - _SHOWN_DIFFERENCES} more", file=sys.stderr)
    if not problems:
        progress.say("The mirror equals the last state of every object after every pass.")
    return 1 if problems else 0


def run_pass(each: Pass, endpoints: Mapping[str, str], progress: Progress) -> list[str]:
    """Send one pass, wait for the inbox, and return what is not as it should be, each with the pass's name.

    Raises
    ------
    LocalCloudError
        A part does not answer, or events stay away from the inbox.
    """
    problems: list[str] = []
    total = len(each.deliveries)
    with progress.step(f"{each.order}: send") as step:
        asyncio.run(load_states(endpoints["stripe_url"], each.states))

        def sent(done: int) -> None:
            step.note = f"{done}/{total}"

        statuses = asyncio.run(
            send(
                each.deliveries,
                url=endpoints["webhook_url"],
                secret=endpoints["webhook_secret"],
                # More than one at a time would not be in order.
                concurrency=1 if each.order is Order.IN_ORDER else _CONCURRENCY,
                tell=sent,
            )
        )
        step.note = f"{total} deliveries: {', '.join(told(statuses))}"
    refused = Counter({status: count for status, count in statuses.items() if status // 100 != 2})  # noqa: PLR2004
    if refused:
        return [f"{each.order}: not all were taken: {', '.join(told(refused))}"]
    with progress.step(f"{each.order}: apply") as step:

        def arrived(count: int) -> None:
            step.note = f"{count}/{len(each.event_ids)}"

        outcomes = wait_for_inbox(
            endpoints["database_url"],
            each.event_ids,
            patience=_PATIENCE_SECONDS,
            longest=_LONGEST_SECONDS,
            tell=arrived,
        )
        step.note = str(outcomes)
    if outcomes.counts["quarantined"]:
        problems.append(f"{outcomes.counts['quarantined']} events were quarantined")
    with progress.step(f"{each.order}: compare") as step:
        problems += differences(endpoints["database_url"], each.states)
        kinds = Counter(state["object"] for state in each.states)
        counted = ", ".join(f"{count} {kind}s" for kind, count in sorted(kinds.items()))
        step.note = f"{counted}: {len(problems) or 'no'} differences"
    return [f"{each.order}: {problem}" for problem in problems]


def read_endpoints(path: Path) -> dict[str, str]:
    """Return what this tool needs of endpoints.json.

    Raises
    ------
    LocalCloudError
        The local cloud has not written it, or something is missing in it.
    """
    try:
        content: Json = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise LocalCloudError(f"there is no {path}: start the local cloud first, with `make dev`") from error
    except (OSError, ValueError) as error:
        raise LocalCloudError(
            f"cannot read {path}: {error}; start the local cloud again, with `make dev`"
        ) from error
    missing = [name for name in _NEEDED if not isinstance(content.get(name), str)]
    if missing:
        raise LocalCloudError(
            f"{path} lacks {', '.join(missing)}; start the local cloud again, with `make dev`"
        )
    return {name: content[name] for name in _NEEDED}


def _orders(text: str) -> list[Order]:
    try:
        return [Order(name.strip()) for name in text.split(",")]
    except ValueError as error:
        known = ", ".join(Order)
        raise argparse.ArgumentTypeError(f"{error}; a list of {known}") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="send-events", description=__doc__)
    parser.add_argument("--from", dest="source", type=Path, required=True, help="the folder with index.tsv")
    parser.add_argument(
        "--passes", type=_orders, default=list(Order), help=f"of {', '.join(Order)}; all by default"
    )
    parser.add_argument("--seed", type=int, help="gives the order and the ids; a fresh one by default")
    parser.add_argument("--only", metavar="REPOSITORY", help="only the recordings of one repository")
    parser.add_argument("--endpoints", type=Path, default=LocalPaths.from_environment().endpoints)
    return parser


if __name__ == "__main__":
    sys.exit(main())
