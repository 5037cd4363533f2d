"""Stripe events from SQS: each record ends by itself, and only the failed ones come again.

Powertools' idempotency stands in front as a first filter that spares the database what was done in
the last hour. The truth is the unique event id in PostgreSQL, in one transaction with the effect, so
the filter may be empty, late or away without any harm.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.idempotency import IdempotencyConfig, idempotent_function
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyInconsistentStateError,
    IdempotencyPersistenceLayerError,
)

from billing.domain.errors import BillingError, PayloadRejectedError, UnavailableError
from billing.domain.mirror import MalformedEvent, MalformedEventError, Outcome, Receipt
from billing.entrypoints.observability import count, failure, logger

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from aws_lambda_powertools.utilities.idempotency import BasePersistenceLayer
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from billing.domain.mirror import StripeEvent
    from billing.use_cases.apply_stripe_event import Applied, ApplyStripeEvent

REMEMBERED_FOR = 3600
"""Seconds: copies come from SQS within seconds and from Stripe's first retries within the hour; what
comes later is rare enough for the inbox alone, and short records keep the table small."""

LONGEST_DELAY = 900
"""Seconds: an outage of any length is noticed within a quarter of an hour of its end."""

_METRICS = {
    Outcome.APPLIED: "StripeEventsApplied",
    Outcome.STALE: "StripeEventsStale",
    Outcome.IGNORED: "StripeEventsIgnored",
    Outcome.QUARANTINED: "StripeEventsQuarantined",
    None: "StripeEventsDuplicate",
}


def delay(receive_count: int) -> int:
    """Return after how many seconds a message that failed `receive_count` times is delivered again."""
    return int(min(2.0 ** min(receive_count, 32), LONGEST_DELAY))


class EventBatch:
    """Applies the events of a batch.

    `store` is None where idempotency records are not kept. `redeliver` is given the failed messages'
    receipt handles with the seconds until each is to come again.
    """

    def __init__(
        self,
        read: Callable[[Mapping[str, object]], StripeEvent],
        apply: ApplyStripeEvent,
        store: BasePersistenceLayer | None,
        redeliver: Callable[[Mapping[str, int]], None],
    ) -> None:
        self._read = read
        self._apply = apply
        self._store = store
        self._redeliver = redeliver

    def __call__(self, event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
        """Return which records failed, for Lambda to leave on the queue (ReportBatchItemFailures)."""
        run = _Run(self._read, self._apply, self._store, context)
        # Never raised for a batch that failed whole: the error would quote its records.
        processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
        answer = process_partial_response(
            event=event, record_handler=run.record, processor=processor, context=context
        )
        self._postpone(event, [failed["itemIdentifier"] for failed in answer["batchItemFailures"]])
        return answer

    def _postpone(self, event: Mapping[str, Any], failed: Collection[object]) -> None:
        """Ask for the failed messages sooner than the queue's timeout, then ever later."""
        delays = {
            record["receiptHandle"]: delay(int(record["attributes"]["ApproximateReceiveCount"]))
            for record in event["Records"]
            if record["messageId"] in failed
        }
        if not delays:
            return
        try:
            self._redeliver(delays)
        except UnavailableError as error:
            # They come again all the same, when the queue's own timeout ends.
            logger().warning("failed events wait for the queue's timeout", extra=failure(error))


class _MayEndOtherwiseError(Exception):
    """Keeps Powertools from remembering an event that a newer version is to judge again."""


class _Run:
    """One invocation; once the store fails it is not asked again, as each try costs seconds."""

    def __init__(
        self,
        read: Callable[[Mapping[str, object]], StripeEvent],
        apply: ApplyStripeEvent,
        store: BasePersistenceLayer | None,
        context: LambdaContext,
    ) -> None:
        self._read = read
        self._apply = apply
        self._store = store
        # With the context a killed run blocks its events only until it would have timed out.
        self._config = IdempotencyConfig(
            event_key_jmespath="[livemode, id]",
            raise_on_no_idempotency_key=True,
            expires_after_seconds=REMEMBERED_FOR,
            lambda_context=context,
            hash_function="sha256",
        )

    def record(self, record: SQSRecord) -> None:
        """Apply one record's event; an error leaves the record on the queue."""
        started = time.perf_counter()
        facts: dict[str, object] = {"message_id": record.message_id}
        event = None
        try:
            event = replace(self._event(record.body), receipt=_receipt(record))
            facts |= {"stripe_event_id": event.id, "stripe_event_type": event.type}
            applied = self._once(event)
        except IdempotencyAlreadyInProgressError:
            # Another invocation has it: this copy waits for its turn, and then finds it done.
            count("StripeEventsInProgress")
            logger().info("event in progress elsewhere", extra={**facts, **_elapsed(started)})
            raise
        except Exception as error:
            count("StripeEventsFailed")
            reason = {"reason": str(error)} if isinstance(error, BillingError) else {}
            logger().error("event failed", extra={**facts, **failure(error), **reason, **_elapsed(started)})
            if event is not None:
                self._keep_failure(event, error)
            raise
        outcome = applied.outcome if applied is not None else None
        count(_METRICS[outcome])
        if applied is not None:
            if applied.asked_stripe:
                count("TiesSettled")
            if applied.reason is not None:
                facts["reason"] = applied.reason
        logger().info("event done", extra={**facts, "outcome": outcome or "duplicate", **_elapsed(started)})

    def _event(self, body: str) -> StripeEvent | MalformedEvent:
        try:
            return self._read(_parsed(body))
        except MalformedEventError as error:
            return error.event

    def _keep_failure(self, event: StripeEvent | MalformedEvent, error: Exception) -> None:
        """Tell the inbox, which needs the database: if that is what failed, the log and the queue know."""
        # Only our own errors are known to quote nothing of the event.
        reason = (
            f"{type(error).__name__}: {error}" if isinstance(error, BillingError) else type(error).__name__
        )
        try:
            self._apply.failed(event, reason)
        except UnavailableError as unavailable:
            logger().warning("failure not kept in the inbox", extra=failure(unavailable))

    def _once(self, event: StripeEvent | MalformedEvent) -> Applied | None:
        """Return how the event ended, None if the store knows that it ended before."""
        ended: list[Applied] = []

        def apply(*, key: Mapping[str, object]) -> bool:  # noqa: ARG001 - Powertools reads it
            ended.append(self._apply(event))
            if ended[-1].outcome is Outcome.QUARANTINED:
                raise _MayEndOtherwiseError
            return True  # what is stored; an outcome that a person asks for is in the inbox

        if self._store is None or isinstance(event, MalformedEvent):
            return self._apply(event)
        once = idempotent_function(
            apply,
            data_keyword_argument="key",
            persistence_store=self._store,
            config=self._config,
            key_prefix="stripe-event",
        )
        try:
            once(key={"livemode": event.livemode, "id": event.id})
        except _MayEndOtherwiseError:
            return ended[-1]
        except (IdempotencyPersistenceLayerError, IdempotencyInconsistentStateError) as error:
            self._store = None
            count("IdempotencyUnavailable")
            logger().warning("idempotency records are away", extra=failure(error))
            if not ended:
                ended.append(self._apply(event))
        return ended[-1] if ended else None


def _parsed(body: str) -> Mapping[str, object]:
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        raise PayloadRejectedError("The message is not JSON.") from None
    if not isinstance(payload, dict):
        raise PayloadRejectedError("The message is not an event of Stripe.")
    return payload


def _receipt(record: SQSRecord) -> Receipt:
    sent = int(record.attributes.sent_timestamp) / 1000
    return Receipt(
        received_at=datetime.fromtimestamp(sent, UTC),
        attempt=int(record.attributes.approximate_receive_count),
        body=record.body,
    )


def _elapsed(started: float) -> dict[str, float]:
    return {"ms": round((time.perf_counter() - started) * 1000, 1)}
