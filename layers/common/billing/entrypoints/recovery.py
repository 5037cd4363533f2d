"""Sweeps, backfills and replays as Lambda runs them: how long they may take, what they tell."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from billing.domain.errors import InvalidParameterError, NotFoundError, PayloadRejectedError
from billing.domain.mirror import Outcome
from billing.domain.recovery import OvertakenError
from billing.entrypoints.collecting import rarely_collected
from billing.entrypoints.observability import count, logger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from billing.domain.recovery import InboxRow
    from billing.use_cases.backfill_stripe_objects import BackfillStripeObjects
    from billing.use_cases.replay_stripe_event import ReplayStripeEvent
    from billing.use_cases.sweep_if_new import Quiet, SweepIfNew
    from billing.use_cases.sweep_stripe_events import Swept

SWEEP_MARGIN = 30.0
"""Seconds before the function's end at which a sweep begins no further page."""

BACKFILL_MARGIN = 60.0
"""Seconds before the function's end at which a backfill begins no further page."""

_MOST_SHOWN = 255
_SCHEDULE = "aws.events"


def sweep(event: Mapping[str, Any], context: LambdaContext, run: SweepIfNew) -> dict[str, object]:
    """Sweep until the end or nearly the function's, and return where it stands.

    The schedule sweeps only if Stripe lists something new; whoever else calls wants a sweep.
    """
    try:
        swept = run(time_of(context, SWEEP_MARGIN), wanted=event.get("source") != _SCHEDULE)
    except OvertakenError:
        logger().info("another run sweeps")
        return {"finished": False, "overtaken": True}
    from billing.use_cases.sweep_if_new import Quiet  # noqa: PLC0415 - replay and backfill sweep nothing

    return _quiet(swept) if isinstance(swept, Quiet) else _swept(swept)


def _quiet(found: Quiet) -> dict[str, object]:
    facts = {
        "since": found.since.isoformat(),
        "until": found.until.isoformat(),
        "listed": found.listed,
        "finished": True,
    }
    count("SweepsFinished")
    count("SweepsQuiet")
    count("SecondsSinceSweep", round(found.lag.total_seconds()))
    logger().info("nothing new to sweep", extra=facts)
    return facts


def _swept(swept: Swept) -> dict[str, object]:
    facts = {
        "sweep": swept.sweep.number,
        "since": swept.sweep.since.isoformat(),
        "until": swept.sweep.until.isoformat(),
        "listed": swept.sweep.listed,
        "missing": swept.sweep.missing,
        "queued": swept.sweep.queued,
        "gap": swept.sweep.gap,
        "finished": swept.sweep.finished,
    }
    if swept.missing:
        count("StripeEventsMissed", swept.missing)
        logger().warning("events never came", extra=facts)
    if swept.unlisted:
        logger().error("Stripe does not list these to this key", extra={"types": list(swept.unlisted)})
    if swept.missing > swept.queued:
        logger().error("events are too large to queue", extra={"events": swept.missing - swept.queued})
    if swept.sweep.finished:
        count("SweepsFinished")
        if swept.sweep.gap:
            count("SweepGaps")
            logger().error("Stripe no longer lists what was before the sweep: backfill", extra=facts)
    if swept.lag is not None:
        count("SecondsSinceSweep", round(swept.lag.total_seconds()))
    logger().info("swept", extra=facts)
    return facts


def backfill(
    event: Mapping[str, Any], context: LambdaContext, run: BackfillStripeObjects
) -> dict[str, object]:
    """Backfill for `seconds` or until nearly the function's end, and return where it stands."""
    try:
        with rarely_collected():
            done = run(time_of(context, BACKFILL_MARGIN, event.get("seconds")))
    except OvertakenError:
        logger().info("another run backfills")
        return {"finished": False, "overtaken": True, "kinds": []}
    for kind, one in done.unreadable:
        count("StripeObjectsUnreadable")
        logger().error(
            "object cannot be read", extra={"kind": kind.value, "object_id": one.id, "reason": one.reason}
        )
    kinds = [{key: _plain(value) for key, value in asdict(part).items()} for part in done.kinds]
    for part in done.kinds:
        if part.finished and part.stopped:
            facts = {"kind": part.kind.value, "reason": part.stopped}
            logger().error("not checked for deletions", extra=facts)
    logger().info("backfilled", extra={"finished": done.finished, "kinds": kinds})
    return {"finished": done.finished, "overtaken": False, "kinds": kinds}


def replay(event: Mapping[str, Any], run: ReplayStripeEvent) -> dict[str, object]:
    """Replay {"event": id}, show {"show": id, "payload"?: true}, or list {"list": outcome, "limit"?: n}."""
    try:
        return _replay(event, run)
    except (NotFoundError, PayloadRejectedError, InvalidParameterError) as error:
        return {"error": str(error)}


def _replay(event: Mapping[str, Any], run: ReplayStripeEvent) -> dict[str, object]:
    if "list" in event:
        outcome, limit = event["list"], event.get("limit", 20)
        if outcome not in set(Outcome) or type(limit) is not int:
            raise InvalidParameterError("list", "is an outcome, with limit a number")
        return {"events": [_shown(row, payload=False) for row in run.newest(Outcome(outcome), limit)]}
    name = "show" if "show" in event else "event"
    event_id = event.get(name)
    if not isinstance(event_id, str) or not 0 < len(event_id) <= _MOST_SHOWN or not event_id.isprintable():
        raise InvalidParameterError(name, "is the id of an event")
    if name == "show":
        row = run.show(event_id)
        return {"event": None if row is None else _shown(row, payload=event.get("payload") is True)}
    replayed = run(event_id)
    before = None if replayed.before is None else _shown(replayed.before, payload=False)
    logger().info("replayed", extra={"stripe_event_id": event_id, "source": replayed.source or "none"})
    if replayed.source is not None:
        count("StripeEventsReplayed")
    return {"queued": replayed.source is not None, "source": replayed.source, "before": before}


def _shown(row: InboxRow, *, payload: bool) -> dict[str, object]:
    shown = {key: _plain(value) for key, value in asdict(row).items()}
    if not payload:
        del shown["payload"]
    return shown


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def time_of(context: LambdaContext, margin: float, asked: object = None) -> Callable[[], bool]:
    """Return what says whether there is time for another step."""
    end = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - margin
    if isinstance(asked, int | float) and asked > 0:
        end = min(end, time.monotonic() + asked)
    first = iter([True])
    # One step at least, so that however short the time is, there is an end.
    return lambda: next(first, False) or time.monotonic() < end
