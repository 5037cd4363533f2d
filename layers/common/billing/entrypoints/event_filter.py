"""A first filter of events: Powertools' idempotency records, asked for a whole batch at once.

They spare the database what was done in the last hour. The truth is the unique event id in PostgreSQL, in one
transaction with the effect, so the records may be empty, late or away without any harm.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from typing import TYPE_CHECKING

from aws_lambda_powertools.utilities.idempotency import IdempotencyConfig
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyItemAlreadyExistsError,
    IdempotencyValidationError,
)

from billing.entrypoints.observability import count, failure, logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from aws_lambda_powertools.utilities.idempotency import BasePersistenceLayer
    from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import DataRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from billing.domain.mirror import StripeEvent

REMEMBERED_FOR = 3600
"""Seconds: copies come from SQS within seconds and from Stripe's first retries within the hour; what
comes later is rare enough for the inbox alone, and short records keep the table small."""

_AT_ONCE = 10
_CONFIG = IdempotencyConfig(
    # Two endpoints may deliver one event in two versions, in which it reads differently.
    event_key_jmespath="[livemode, id, api_version]",
    payload_validation_jmespath="[type, created, digest]",
    raise_on_no_idempotency_key=True,
    expires_after_seconds=REMEMBERED_FOR,
    hash_function="sha256",
)


class Claim(Enum):
    """Whose an event is."""

    OURS = "ours"
    DONE = "done"  # it ended before
    ELSEWHERE = "elsewhere"  # another invocation has it
    OTHER = "other"  # the record is of another payload, so that only the inbox can tell how its event ended


class EventFilter:
    """The records of one invocation; `store` is None where none are kept.

    Once the store fails it is not asked again, as each try costs seconds.
    """

    def __init__(self, store: BasePersistenceLayer | None, context: LambdaContext) -> None:
        self._store = store
        self._context = context
        if store is not None:
            # The number grows when what is compared does: records of the hour before a deploy are left alone.
            store.configure(_CONFIG, key_prefix="stripe-event-2")

    def claim(self, events: Sequence[StripeEvent]) -> Mapping[str, Claim]:
        """Return whose each event is, by its id; ours stay so until `end`, or until our time is over."""
        if not events:
            return {}
        # The first one alone: it opens the connection, and finds out for all that the store is away.
        claims = [self._claim(events[0])]
        if self._store is None:
            return dict.fromkeys((event.id for event in events), Claim.OURS)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            claims += pool.map(self._claim, events[1:])
        return {event.id: claim for event, claim in zip(events, claims, strict=True)}

    def end(self, done: Iterable[StripeEvent], open_again: Iterable[StripeEvent]) -> None:
        """Remember what is done, and forget the claim to what failed or may end otherwise."""
        if self._store is None:
            return
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(self._remember, done))
            list(pool.map(self._forget, open_again))

    def _claim(self, event: StripeEvent) -> Claim:
        return self._asked(lambda store: self._ask(store, event)) or Claim.OURS

    def _ask(self, store: BasePersistenceLayer, event: StripeEvent) -> Claim:
        try:
            # With the time left a killed run blocks its events only until it would have timed out.
            store.save_inprogress(_facts(event), self._context.get_remaining_time_in_millis())
        except IdempotencyItemAlreadyExistsError as known:
            return _claim_of(known.old_data_record or store.get_record(_facts(event)))
        except IdempotencyValidationError:
            return Claim.OTHER
        return Claim.OURS

    def _remember(self, event: StripeEvent) -> None:
        # What is stored is that it ended; an outcome that a person asks for is in the inbox.
        self._asked(lambda store: store.save_success(_facts(event), {}))

    def _forget(self, event: StripeEvent) -> None:
        self._asked(lambda store: store.delete_record(_facts(event), RuntimeError()))

    def _asked[T](self, ask: Callable[[BasePersistenceLayer], T]) -> T | None:
        """Return what the store says, None if it is away."""
        store = self._store
        if store is None:
            return None
        try:
            return ask(store)
        except Exception as error:  # noqa: BLE001 - whatever befell a filter, the events go on without it
            if self._store is not None:
                self._store = None
                count("IdempotencyUnavailable")
                logger().warning("idempotency records are away", extra=failure(error))
            return None


def is_other(event: StripeEvent, known: StripeEvent) -> bool:
    """Return whether two events of one id and one API version do not say the same."""
    one, two = _facts(event), _facts(known)
    return one["api_version"] == two["api_version"] and one != two


def _facts(event: StripeEvent) -> dict[str, object]:
    return {
        "livemode": event.livemode,
        "id": event.id,
        "api_version": event.api_version,
        "type": event.type,
        "created": event.created.isoformat(),
        "digest": None if event.receipt is None else event.receipt.digest,
    }


def _claim_of(record: DataRecord | None) -> Claim:
    # One that expired while it was asked for is nobody's: the inbox decides.
    if record is None or record.status == "EXPIRED":
        return Claim.OURS
    if record.status == "COMPLETED":
        return Claim.DONE
    until = record.in_progress_expiry_timestamp
    return Claim.OURS if until is not None and until < time.time() * 1000 else Claim.ELSEWHERE
