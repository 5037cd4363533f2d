"""Brings the mirror level with Stripe's list of events: waits for what is under way, sends what is lost.

The local queue lives in memory: a kill -9 of the local AWS loses messages that were acknowledged. Stripe
would not send those again, so the local cloud does, from the list of events, through the signed webhook.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any

import psycopg

from local.problems import LocalCloudError
from local.stripe_standin.delivery import signature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PAGE = 100
_QUIET_SECONDS = 30.0
_POLL_SECONDS = 0.5
_HTTP_SECONDS = 30
_COUNT = "SELECT count(*) FROM stripe_webhook_events WHERE id = ANY(%s)"
_PRESENT = "SELECT id FROM stripe_webhook_events WHERE id = ANY(%s)"


class EventCatchUp:
    """Stripe's list of events on one side, the inbox on the other.

    `api_base` and `api_key` are Stripe's or the stand-in's, `dsn` the database owner's. Events that do not
    arrive for `quiet_seconds` while `queue_is_empty` are taken for lost.
    """

    def __init__(
        self,
        *,
        api_base: str,
        api_key: str,
        webhook_url: str,
        webhook_secret: str,
        dsn: str,
        queue_is_empty: Callable[[], bool],
        quiet_seconds: float = _QUIET_SECONDS,
    ) -> None:
        self._api_base = api_base
        self._api_key = api_key
        self._webhook_url = webhook_url
        self._webhook_secret = webhook_secret
        self._dsn = dsn
        self._queue_is_empty = queue_is_empty
        self._quiet_seconds = quiet_seconds

    def run(self, tell: Callable[[int, int], None], *, since: int = 0, seconds: float = 300.0) -> int:
        """Return how many events the inbox has, once it has all that Stripe lists from `since` on.

        `tell` is called with (present, listed).

        Raises
        ------
        LocalCloudError
            Stripe or the database does not answer, or events do not arrive in time.
        """
        events = {event["id"]: event for event in self._listed(since)}
        ids = list(events)
        deadline = time.monotonic() + seconds
        last, changed = -1, time.monotonic()
        with self._connected() as connection:
            while True:
                row = connection.execute(_COUNT, [ids]).fetchone()
                present = 0 if row is None else int(row[0])
                tell(present, len(ids))
                now = time.monotonic()
                if present == len(ids):
                    return present
                if now > deadline:
                    raise LocalCloudError(
                        f"{len(ids) - present} of {len(ids)} Stripe events were not applied in "
                        f"{seconds:.0f} s: `make dev-logs NAME=apply_stripe_events` tells why"
                    )
                if present != last:
                    last, changed = present, now
                elif now - changed > self._quiet_seconds and self._queue_is_empty():
                    known = {found for (found,) in connection.execute(_PRESENT, [ids])}
                    self._send([event for name, event in events.items() if name not in known])
                    changed = time.monotonic()
                time.sleep(_POLL_SECONDS)

    def _connected(self) -> psycopg.Connection[Any]:
        try:
            return psycopg.connect(self._dsn, autocommit=True)
        except psycopg.OperationalError as error:
            raise LocalCloudError(f"the local PostgreSQL does not answer: {error}") from None

    def _listed(self, since: int) -> Iterator[dict[str, Any]]:
        after: dict[str, str] = {}
        while True:
            query = urllib.parse.urlencode({"limit": _PAGE, "created[gte]": since, **after})
            page = self._get(f"{self._api_base}/v1/events?{query}")
            yield from page["data"]
            if not page["has_more"]:
                return
            after = {"starting_after": page["data"][-1]["id"]}

    def _get(self, url: str) -> dict[str, Any]:
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {self._api_key}"})  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=_HTTP_SECONDS) as answer:  # noqa: S310 - our configured base
                content: dict[str, Any] = json.load(answer)
                return content
        except (urllib.error.URLError, TimeoutError) as error:
            raise LocalCloudError(
                f"Stripe's list of events cannot be read at {self._api_base}: {error}"
            ) from None

    def _send(self, events: list[dict[str, Any]]) -> None:
        # Stripe lists the newest first.
        for event in reversed(events):
            payload = json.dumps(event).encode()
            header = signature(payload, self._webhook_secret, int(time.time()))
            request = urllib.request.Request(  # noqa: S310 - our own front door
                self._webhook_url,
                data=payload,
                headers={"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": header},
            )
            try:
                with urllib.request.urlopen(request, timeout=_HTTP_SECONDS):  # noqa: S310 - our own front door
                    pass
            except (urllib.error.URLError, TimeoutError) as error:
                raise LocalCloudError(
                    f"the webhook does not take events at {self._webhook_url}: {error}"
                ) from None
