"""Stripe's limit of calls a second: 25 in test mode, 100 live; here none until the helper API sets one."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from aiohttp import web

from local.stripe_standin.errors import StripeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.stripe_standin.store import Json


class RateLimit:
    """Counts what was asked and what was refused; `per_second` None takes everything."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.per_second: float | None = None
        self.taken = 0
        self.refused = 0
        self._left = 0.0
        self._filled = 0.0

    def set(self, per_second: float | None) -> None:
        """Let so many calls through from now on, and count anew."""
        self.per_second = per_second
        self.taken = self.refused = 0
        self._left, self._filled = per_second or 0.0, self._clock()

    def takes(self) -> bool:
        """Return whether this call is within the limit."""
        if self.per_second is not None:
            now = self._clock()
            self._left = min(self.per_second, self._left + (now - self._filled) * self.per_second)
            self._filled = now
            if self._left < 1:
                self.refused += 1
                return False
            self._left -= 1
        self.taken += 1
        return True


def too_many() -> tuple[int, Json]:
    """Return Stripe's answer to a call over the limit: status and body."""
    error = StripeError(
        "Request rate limit exceeded. You can learn more about rate limits here"
        " https://stripe.com/docs/rate-limits.",
        status=429,
        code="rate_limit",
    )
    return error.status, error.body()


def add_rate_routes(app: web.Application, limit: RateLimit) -> None:
    """Add the helper API's routes that set and show the limit."""

    async def show(_: web.Request) -> web.Response:
        return web.json_response(
            {"per_second": limit.per_second, "taken": limit.taken, "refused": limit.refused}
        )

    async def change(request: web.Request) -> web.Response:
        try:
            per_second = (await request.json())["per_second"]
            limit.set(None if per_second is None else float(per_second))
        except (json.JSONDecodeError, KeyError, TypeError, ValueError):
            problem = {"type": "standin_error", "message": 'Send {"per_second": number or null} as JSON'}
            return web.json_response({"error": problem}, status=400)
        return await show(request)

    app.router.add_get("/_standin/rate", show)
    app.router.add_put("/_standin/rate", change)
