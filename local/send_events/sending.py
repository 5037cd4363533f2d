"""Sends a pass: its last states to the stand-in of Stripe, its events, signed, to the webhook."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from itertools import batched
from typing import TYPE_CHECKING

import aiohttp

from local.problems import LocalCloudError
from local.stripe_standin.delivery import signature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.send_events.source import Json

_TIMEOUT = aiohttp.ClientTimeout(total=60)
_BATCH = 100
_OK = 200
NO_ANSWER = 0
"""The status that stands for a delivery without an answer."""


async def load_states(stripe_url: str, states: tuple[Json, ...]) -> None:
    """Make the objects Stripe's state, so that Stripe can be asked about them.

    Raises
    ------
    LocalCloudError
        What answers at `stripe_url` is not the stand-in.
    """
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
        for batch in batched(states, _BATCH, strict=False):
            try:
                async with session.put(f"{stripe_url}/_standin/objects", json={"objects": batch}) as answer:
                    if answer.status != _OK:
                        raise LocalCloudError(
                            f"{stripe_url} is not the stand-in of Stripe (it answered {answer.status}): "
                            "recorded events can be sent only where their objects can be loaded"
                        )
            except (aiohttp.ClientError, TimeoutError) as error:
                raise LocalCloudError(
                    f"the stand-in of Stripe does not answer at {stripe_url}: {error}"
                ) from error


async def send(
    events: tuple[Json, ...],
    *,
    url: str,
    secret: str,
    concurrency: int,
    tell: Callable[[int], None],
) -> Counter[int]:
    """Send the events, at most `concurrency` at a time, each once; return how often each status came.

    `tell` is called with the number of answers so far.
    """
    statuses: Counter[int] = Counter()
    waiting = iter(events)

    async def worker(session: aiohttp.ClientSession) -> None:
        for event in waiting:
            statuses[await _post(session, url, secret, event)] += 1
            tell(statuses.total())

    async with aiohttp.ClientSession(timeout=_TIMEOUT) as session, asyncio.TaskGroup() as tasks:
        for _ in range(concurrency):
            tasks.create_task(worker(session))
    return statuses


async def _post(session: aiohttp.ClientSession, url: str, secret: str, event: Json) -> int:
    payload = json.dumps(event, ensure_ascii=False).encode()
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Stripe-Signature": signature(payload, secret, int(time.time())),
    }
    try:
        async with session.post(url, data=payload, headers=headers, allow_redirects=False) as answer:
            await answer.read()
            return answer.status
    except (aiohttp.ClientError, TimeoutError):
        return NO_ANSWER


def told(statuses: Counter[int]) -> Iterator[str]:
    """Yield each status with its count, as people read it."""
    for status, count in sorted(statuses.items()):
        yield f"{count} x {'no answer' if status == NO_ANSWER else status}"
