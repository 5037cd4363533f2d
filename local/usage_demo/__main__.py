"""`python -m local.usage_demo [--days N] [--live EVENTS] [--rate PER_SECOND]`."""

from __future__ import annotations

import argparse
import sys
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import batched
from typing import TYPE_CHECKING

from local.endpoints import Endpoints
from local.paths import LocalPaths
from local.problems import LocalCloudError
from local.progress import Progress
from local.usage_demo.sending import Api
from local.usage_demo.story import usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.usage_demo.story import Json

_MOST_DAYS = 34  # older usage is refused
_BATCH = 1_000
_BAR = 30
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Send what was used until now, then go on as time does; return the exit status."""
    parser = argparse.ArgumentParser(prog="make usage-demo", description=__doc__)
    parser.add_argument("--days", type=int, help="how many days back (default: from the first of the month)")
    parser.add_argument(
        "--live", type=int, default=0, help="events to send afterwards, as if they happened now"
    )
    parser.add_argument("--rate", type=float, default=20.0, help="of these, how many a second")
    asked = parser.parse_args(arguments)
    if asked.days is not None and not 1 <= asked.days <= _MOST_DAYS:
        parser.error(f"--days is 1 to {_MOST_DAYS}")
    if asked.rate <= 0 or asked.live < 0:
        parser.error("--rate is above 0 and --live not below")
    progress = Progress()
    try:
        api = _api(LocalPaths.from_environment())
        now = datetime.now(UTC)
        since = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        if asked.days is not None:
            since = now - timedelta(days=asked.days)
        _send_past(api, progress, since, now)
        _send_live(api, progress, asked.live, asked.rate)
        for line in shown(api.usage()):
            progress.say(line)
    except LocalCloudError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0


def _api(paths: LocalPaths) -> Api:
    endpoints = Endpoints.load(paths.endpoints)
    if endpoints is None:
        raise LocalCloudError("the local cloud is not there: start it with `make dev`")
    return Api(endpoints.api_url, endpoints.api_keys["customer"])


def _send_past(api: Api, progress: Progress, since: datetime, now: datetime) -> None:
    events = tuple(usage(since, now))
    accepted = duplicates = 0
    with progress.step("Usage until now") as step:
        for batch in batched(events, _BATCH, strict=False):
            sent = api.send(batch)
            accepted, duplicates = accepted + sent.accepted, duplicates + sent.duplicates
            share = (accepted + duplicates) * 100 // len(events)
            step.note = f"{share:3d}% · {accepted:,} events accepted, {duplicates:,} known already"


def _send_live(api: Api, progress: Progress, count: int, rate: float) -> None:
    """Send events of yesterday's story with ids and times of now."""
    if not count:
        return
    now = datetime.now(UTC)
    day = tuple(usage(now - timedelta(days=1), now))
    began, sent = time.monotonic(), 0
    with progress.step("Usage as it happens") as step:
        while sent < count:
            due = min(count, int((time.monotonic() - began) * rate) + 1, sent + _BATCH)
            if due > sent:
                api.send([_now(day[number % len(day)], began, number) for number in range(sent, due)])
                sent = due
                step.note = f"{sent * 100 // count:3d}% · {sent:,} of {count:,} events"
            time.sleep(min(1.0, 1 / rate))


def _now(event: Json, began: float, number: int) -> Json:
    return {**event, "id": f"live-{began:.3f}-{number}", "time": datetime.now(UTC).isoformat()}


def shown(said: Json) -> list[str]:
    """Return the current usage as lines with bars."""
    lines = [f"\nUsage from {said['period']['start']} to {said['period']['end']}:"]
    for meter in said["meters"]:
        percent = Decimal(meter["percent"]) if meter["percent"] is not None else None
        filled = _BAR if percent is None else min(_BAR, int(percent * _BAR / 100))
        bar = "█" * filled + "░" * (_BAR - filled) if percent is not None else " " * _BAR
        of = f" of {meter['included']} ({meter['percent']} %)" if percent is not None else ""
        alerts = "".join(f" · alert at {alert['value']} {alert['kind']}" for alert in meter["alerts"])
        lines.append(f"  {meter['meter']:<14} {bar} {meter['used']}{of}{alerts}")
    return lines


if __name__ == "__main__":
    sys.exit(main())
