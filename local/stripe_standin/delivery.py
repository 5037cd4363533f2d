"""Delivers Events, signed, to the webhook endpoints: in the background, with bounded retries."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp

from local.stripe_standin.events import DESTINATION, thin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.stripe_standin.store import Json, Store

LOGGER = logging.getLogger("stripe_standin")

RETRY_DELAYS = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 600.0, 600.0)
"""Seconds before each further attempt; after the last one the delivery has failed for good."""

_TIMEOUT = aiohttp.ClientTimeout(total=60)
_LONGEST_SLEEP = 5.0
_FIRST_SUCCESS, _FIRST_REDIRECT = 200, 300


def signature(payload: bytes, secret: str, timestamp: int) -> str:
    """Return the Stripe-Signature header for the payload: HMAC-SHA256 of "timestamp.payload"."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + payload, hashlib.sha256)
    return f"t={timestamp},v1={digest.hexdigest()}"


@dataclass(frozen=True, slots=True)
class _Delivery:
    id: int
    event: str
    endpoint: str
    attempts: int


class Deliverer:
    """Works off the store's deliveries with a few workers; what is due survives a restart."""

    def __init__(
        self, store: Store, *, workers: int = 4, retry_delays: Sequence[float] = RETRY_DELAYS
    ) -> None:
        self._store = store
        self._workers = workers
        self._retry_delays = retry_delays
        self._busy: set[int] = set()
        self._news = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def wake(self) -> None:
        """Look for new deliveries now."""
        self._news.set()

    async def start(self) -> None:
        """Start the workers."""
        self._tasks = [asyncio.create_task(self._work()) for _ in range(self._workers)]

    async def stop(self) -> None:
        """Stop the workers; what they were sending will be sent again at the next start."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._tasks = []

    def counts(self) -> dict[str, int]:
        """Return how many deliveries are pending and how many failed for good."""
        pending, failed = self._store.db.execute(
            "SELECT coalesce(sum(failed = 0), 0), coalesce(sum(failed), 0) FROM deliveries"
        ).fetchone()
        return {"pending": int(pending), "failed": int(failed)}

    async def _work(self) -> None:
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
            while True:
                delivery = self._claim()
                if delivery is None:
                    self._news.clear()
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._news.wait(), self._until_next())
                    continue
                try:
                    await self._attempt(session, delivery)
                finally:
                    self._busy.discard(delivery.id)

    def _claim(self) -> _Delivery | None:
        rows = self._store.db.execute(
            "SELECT id, event, endpoint, attempts FROM deliveries WHERE failed = 0 AND due <= ?"
            " ORDER BY id LIMIT ?",
            (time.time(), self._workers),
        )
        for row in rows.fetchall():
            if row[0] not in self._busy:
                self._busy.add(row[0])
                return _Delivery(*row)
        return None

    def _until_next(self) -> float:
        rows = self._store.db.execute(
            "SELECT id, due FROM deliveries WHERE failed = 0 ORDER BY due LIMIT ?", (self._workers + 1,)
        )
        waits = [float(due) - time.time() for number, due in rows.fetchall() if number not in self._busy]
        return min([_LONGEST_SLEEP, *(max(wait, 0.01) for wait in waits)])

    async def _attempt(self, session: aiohttp.ClientSession, delivery: _Delivery) -> None:
        event = self._event(delivery.event)
        endpoint = self._endpoint(delivery.endpoint)
        if event is None or endpoint is None:
            self._store.db.execute("DELETE FROM deliveries WHERE id = ?", (delivery.id,))
            return
        problem = await self._send(session, event, endpoint)
        if problem is None:
            self._store.db.execute("DELETE FROM deliveries WHERE id = ?", (delivery.id,))
            return
        exhausted = delivery.attempts >= len(self._retry_delays)
        delay = 0.0 if exhausted else self._retry_delays[delivery.attempts]
        LOGGER.warning(
            "%s %s to %s: %s; %s",
            event["type"],
            event["id"],
            endpoint["url"],
            problem,
            "given up" if exhausted else f"again in {delay:g} s",
        )
        self._store.db.execute(
            "UPDATE deliveries SET attempts = attempts + 1, due = ?, failed = ? WHERE id = ?",
            (time.time() + delay, exhausted, delivery.id),
        )

    def _event(self, event_id: str) -> Json | None:
        event = self._store.get("event", event_id)
        if event is None:
            return thin(self._store, event_id, with_data=False)
        (pending,) = self._store.db.execute(
            "SELECT count(*) FROM deliveries WHERE event = ?", (event_id,)
        ).fetchone()
        return {**event, "pending_webhooks": pending}

    def _endpoint(self, endpoint_id: str) -> Json | None:
        destination = self._store.get(DESTINATION, endpoint_id)
        if destination is None:
            return self._store.get("webhook_endpoint", endpoint_id)
        return {"url": destination["_url"], "secret": destination["_secret"]}

    async def _send(self, session: aiohttp.ClientSession, event: Json, endpoint: Json) -> str | None:
        payload = json.dumps(event, indent=2, ensure_ascii=False).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature(payload, endpoint["secret"], int(time.time())),
            "User-Agent": "Stripe/1.0 (stand-in)",
        }
        try:
            async with session.post(
                endpoint["url"], data=payload, headers=headers, allow_redirects=False
            ) as answer:
                await answer.read()
                if _FIRST_SUCCESS <= answer.status < _FIRST_REDIRECT:
                    return None
                return f"answered {answer.status}"
        except TimeoutError:
            return "timed out"
        except aiohttp.ClientError as error:
            return f"not reachable ({type(error).__name__})"
