"""One process that applies events as one Lambda does, and times each."""

from __future__ import annotations

import hmac
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from bench.payloads import SECRET, numbered, paid_event
from billing.adapters.postgres.connection import Database
from billing.adapters.postgres.mirror import PostgresMirror
from billing.adapters.stripe.events import read_event
from billing.adapters.stripe.signature import StripeSignatureVerifier
from billing.domain.mirror import Outcome
from billing.use_cases.apply_stripe_event import ApplyStripeEvent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.synchronize import Barrier

    from billing.adapters.postgres.connection import Credentials
    from billing.domain.mirror import ObjectKind, Observation
    from billing.settings import DatabaseSettings

_WARM_UP = 20


@dataclass(frozen=True, slots=True)
class Clocked:
    """What one client did: milliseconds of each event, and when it began and ended (monotonic seconds)."""

    milliseconds: list[float]
    began: float
    ended: float


class _NoStripe:
    """Knows nothing. Whole events in order ask only for tax rates, once, while warming up."""

    def fetch(
        self,
        _kind: ObjectKind,
        _object_id: str,
        listed: Observation | None = None,
    ) -> Observation | None:
        """Return that there is none such."""

    def fetch_discounts(self, _kind: ObjectKind, _document_id: str) -> Sequence[Observation]:
        """Return that it tells none."""
        return ()


def apply_events(
    settings: DatabaseSettings, credentials: Credentials, client: int, events: int, start: Barrier | None
) -> Clocked:
    """Return the times of `events` events, each of an invoice that is new; `client` is unique in a database.

    Each is verified from its raw bytes and header, parsed, read and applied.

    Raises
    ------
    AssertionError
        An event was not applied.
    """
    verifier = StripeSignatureVerifier(lambda _: (SECRET,), lambda: datetime.now(UTC))
    with Database(settings, lambda _: credentials) as database:
        apply = ApplyStripeEvent(PostgresMirror(database), _NoStripe(), livemode=True)

        def once(body: bytes, signature: str) -> None:
            verifier.verify(body, signature)
            applied = apply(read_event(json.loads(body)))
            if applied.outcome is not Outcome.APPLIED:
                raise AssertionError(f"the event ended as {applied}")

        template = paid_event()
        bodies = [numbered(template, f"{client:03x}{n:05x}") for n in range(events + _WARM_UP)]
        signed = [(body, _signature(body)) for body in bodies]
        for body, signature in signed[:_WARM_UP]:
            once(body, signature)
        if start is not None:
            start.wait()
        taken = []
        began = time.monotonic()
        for body, signature in signed[_WARM_UP:]:
            at = time.perf_counter_ns()
            once(body, signature)
            taken.append((time.perf_counter_ns() - at) / 1e6)
        return Clocked(taken, began, time.monotonic())


def _signature(body: bytes) -> str:
    at = int(time.time())
    digest = hmac.new(SECRET.encode(), f"{at}.".encode() + body, sha256).hexdigest()
    return f"t={at},v1={digest}"
