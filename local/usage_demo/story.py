"""What the demo customer reports: calls by day and night, storage that grows, people who come and go.

Everything follows from the hour alone, ids included: sent again it is the same usage, which counts once.
"""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

type Json = dict[str, Any]

SOURCE = "https://app.example.com/usage-demo"
_HOUR = timedelta(hours=1)
# Of the calls of a working day, in UTC: America works while Europe sleeps.
_BY_HOUR = (5, 4, 3, 2, 2, 2, 3, 4, 6, 8, 9, 9, 9, 10, 12, 14, 15, 15, 14, 13, 12, 10, 8, 6)
_WEEKEND = 0.35
_SATURDAY = 5
_REGIONS = ("us-east", "us-east", "us-east", "eu-west", "eu-west", "ap-south")
_PEOPLE = 160
_STORAGE_HOURS = 6


def usage(since: datetime, until: datetime) -> Iterator[Json]:
    """Yield the CloudEvents of [since, until), hour by hour; some 250 on a working day."""
    hour = since.replace(minute=0, second=0, microsecond=0)
    while hour < until:
        for event in _hour(hour):
            if since <= event["time"] < until:
                yield {**event, "time": event["time"].isoformat()}
        hour += _HOUR


def _hour(hour: datetime) -> list[Json]:
    chance = random.Random(hour.isoformat())  # noqa: S311 - a story, not a secret
    calm = _WEEKEND if hour.weekday() >= _SATURDAY else 1.0
    events = [
        _event(hour, chance, "api_calls", {"value": chance.randint(2, 22), "region": chance.choice(_REGIONS)})
        for _ in range(round(_BY_HOUR[hour.hour] * calm * chance.uniform(0.8, 1.2)))
    ]
    events += [
        _event(hour, chance, "user_active", {"user": f"user-{chance.randrange(_PEOPLE):03d}"})
        for _ in range(round(_BY_HOUR[hour.hour] * calm / 4))
    ]
    if hour.hour % _STORAGE_HOURS == 0:
        grown = 120 + hour.day * 1.5 + hour.hour / 16
        events.append(_event(hour, chance, "storage_gb", {"value": f"{grown:.4f}"}))
    numbered = sorted(events, key=lambda event: event["time"])
    return [{**event, "id": f"demo-{hour:%Y%m%dT%H}-{n:03d}"} for n, event in enumerate(numbered)]


def _event(hour: datetime, chance: random.Random, kind: str, data: Json) -> Json:
    moment = hour + timedelta(seconds=chance.randrange(3600))
    return {"specversion": "1.0", "source": SOURCE, "type": kind, "time": moment, "data": data}
