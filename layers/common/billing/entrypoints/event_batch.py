"""Stripe events from SQS: applied together where that can be, and each record ends by itself.

Only the failed ones come again.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from billing.domain.errors import BillingError, UnavailableError
from billing.domain.mirror import MalformedEvent, Outcome
from billing.entrypoints.event_filter import Claim, EventFilter, is_other
from billing.entrypoints.event_records import read_record
from billing.entrypoints.observability import count, failure, logger
from billing.use_cases.apply_stripe_event import Applied

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.idempotency import BasePersistenceLayer
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from billing.domain.mirror import StripeEvent
    from billing.entrypoints.event_records import Item
    from billing.use_cases.apply_stripe_event import ApplyStripeEvent, Fetched

    type Recognise = Callable[[StripeEvent | MalformedEvent, str | None], str | None]

LONGEST_DELAY = 900
"""Seconds: an outage of any length is noticed within a quarter of an hour of its end."""

_METRICS = {
    Outcome.APPLIED: "StripeEventsApplied",
    Outcome.STALE: "StripeEventsStale",
    Outcome.IGNORED: "StripeEventsIgnored",
    Outcome.QUARANTINED: "StripeEventsQuarantined",
    None: "StripeEventsDuplicate",
}

NEEDED = 20_000
"""Milliseconds that an event by itself may take: asking Stripe, which may not answer. With less left it waits
for the next invocation, so that this one says in time which events ended."""

_OTHER = "event: another one came under this id before"


def delay(receive_count: int) -> int:
    """Return after how many seconds a message that failed `receive_count` times is delivered again."""
    return int(min(2.0 ** min(receive_count, 32), LONGEST_DELAY))


class InProgressError(BillingError):
    """Another invocation has the event: this copy waits for its turn, and then finds it done."""


class OutOfTimeError(BillingError):
    """The invocation ends too soon for the event, which comes again."""


class EventBatch:
    """Applies the events of a batch.

    `recognise` says how an event differs from the one that ended under its id before, None for a copy, and
    keeps that it did; it is told what is known of that already.
    `store` is None where idempotency records are not kept. `redeliver` is given the failed messages'
    receipt handles with the seconds until each is to come again.
    """

    def __init__(
        self,
        read: Callable[[Mapping[str, object]], StripeEvent],
        apply: ApplyStripeEvent,
        recognise: Recognise,
        store: BasePersistenceLayer | None,
        redeliver: Callable[[Mapping[str, int]], None],
    ) -> None:
        self._read = read
        self._apply = apply
        self._recognise = recognise
        self._store = store
        self._redeliver = redeliver

    def __call__(self, event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
        """Return which records failed, for Lambda to leave on the queue (ReportBatchItemFailures)."""
        run = _Run(self._read, self._apply, self._recognise, EventFilter(self._store, context), context)
        run.begin([SQSRecord(record) for record in event["Records"]])
        # Never raised for a batch that failed whole: the error would quote its records.
        processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
        answer = process_partial_response(
            event=event, record_handler=run.record, processor=processor, context=context
        )
        run.end()
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


class _Run:
    """One invocation."""

    def __init__(
        self,
        read: Callable[[Mapping[str, object]], StripeEvent],
        apply: ApplyStripeEvent,
        recognise: Recognise,
        events: EventFilter,
        context: LambdaContext,
    ) -> None:
        self._read = read
        self._apply = apply
        self._recognise = recognise
        self._filter = events
        self._context = context
        self._fetched: Fetched = set()
        self._counts: Counter[str] = Counter()
        self._started = time.perf_counter()
        self._items: dict[str, Item] = {}
        self._ours: list[tuple[StripeEvent, Item]] = []

    def begin(self, records: Collection[SQSRecord]) -> None:
        """Read every record, claim the events, and apply them: together what can be, then one by one."""
        self._items = {record.message_id: read_record(record, self._read) for record in records}
        first = self._firsts()
        # What the inbox lacks is not done, whatever a record says: the database may have been restored.
        claims = self._filter.claim([event for event, item in first if not item.is_missing])
        for event, item in first:
            item.claim = claims.get(event.id, Claim.OURS)
        self._ours = [(event, item) for event, item in first if item.claim is Claim.OURS]
        if len(self._ours) > 1:
            self._together()
        self._one_by_one()

    def record(self, record: SQSRecord) -> None:
        """Apply one record's event, if it is not yet; an error leaves the record on the queue."""
        facts: dict[str, object] = {"message_id": record.message_id}
        item = self._items[record.message_id]
        try:
            if item.event is not None:
                facts |= {"stripe_event_id": item.event.id, "stripe_event_type": item.event.type}
            self._finish(item)
        except InProgressError:
            self._count("StripeEventsInProgress")
            logger().info("event in progress elsewhere", extra={**facts, **self._elapsed()})
            raise
        except OutOfTimeError:
            self._count("StripeEventsPostponed")
            logger().warning("no time left for the event", extra={**facts, **self._elapsed()})
            raise
        except Exception as error:
            item.error = error
            self._count("StripeEventsFailed")
            reason = {"reason": str(error)} if isinstance(error, BillingError) else {}
            logger().error("event failed", extra={**facts, **failure(error), **reason, **self._elapsed()})
            if item.event is not None:
                self._keep_failure(item.event, error)
            raise
        self._tell(item.applied or Applied(None), facts)

    def end(self) -> None:
        """Remember which events ended, and count how: once for all, which a batch of ten notices."""
        for name, value in self._counts.items():
            count(name, value)
        done = [event for event, item in self._ours if item.is_for_good]
        self._filter.end(done, [event for event, item in self._ours if not item.is_for_good])

    def _firsts(self) -> list[tuple[StripeEvent, Item]]:
        """Return the first record of each event; a copy in the same batch finds it in the inbox."""
        first: dict[str, tuple[StripeEvent, Item]] = {}
        for item in self._items.values():
            if item.event is not None and not isinstance(item.event, MalformedEvent):
                known, _ = first.setdefault(item.event.id, (item.event, item))
                if is_other(item.event, known):
                    item.claim = Claim.OTHER
        return list(first.values())

    def _together(self) -> None:
        try:
            done = self._apply.together([event for event, _ in self._ours])
        except UnavailableError as error:
            # Each on its own would wait for the same answer once more.
            for _, item in self._ours:
                item.error = error
        except Exception as error:  # noqa: BLE001 - whose it is shows when each has its own turn
            logger().warning("events not applied together", extra=failure(error))
        else:
            for event, item in self._ours:
                item.applied = done.get(event.id)

    def _one_by_one(self) -> None:
        """Apply what is left, the newest first: what is asked of Stripe for it holds the older ones, too."""
        left = [(event, item) for event, item in self._ours if item.applied is None and item.error is None]
        for event, item in sorted(left, key=lambda one: one[0].created, reverse=True):
            try:
                item.applied = self._applied(event)
            except Exception as error:  # noqa: BLE001 - raised again when the record's turn comes
                item.error = error

    def _applied(self, event: StripeEvent | MalformedEvent) -> Applied:
        if self._context.get_remaining_time_in_millis() < NEEDED:
            raise OutOfTimeError
        return self._apply(event, self._fetched)

    def _finish(self, item: Item) -> None:
        if item.error is not None:
            raise item.error
        if item.claim is Claim.ELSEWHERE:
            raise InProgressError
        if item.applied is None and item.claim is not Claim.DONE and item.event is not None:
            item.applied = self._applied(item.event)
        if item.applied is not None and item.applied.outcome is None and item.event is not None:
            known = _OTHER if item.claim is Claim.OTHER else item.applied.reason
            item.applied = replace(item.applied, reason=self._recognise(item.event, known))

    def _tell(self, applied: Applied, facts: dict[str, object]) -> None:
        if applied.asked_stripe:
            self._count("TiesSettled")
        ended = {**facts, "outcome": applied.outcome or "duplicate", **self._elapsed()}
        if applied.outcome is None and applied.reason is not None:
            # Nothing was written: what ended stays as it is.
            self._count("StripeEventsConflicting")
            logger().warning(
                "event done", extra={**ended, "outcome": "conflicting", "reason": applied.reason}
            )
            return
        self._count(_METRICS[applied.outcome])
        if applied.refused:
            self._count("StripeMeterErrors", applied.refused)
            logger().error("Stripe refused usage that it had taken", extra=ended)
        logger().info("event done", extra=ended | ({"reason": applied.reason} if applied.reason else {}))

    def _keep_failure(self, event: StripeEvent | MalformedEvent, error: Exception) -> None:
        """Tell the inbox, which needs the database: if that is what failed, the log and the queue know."""
        if isinstance(error, UnavailableError) and error.dependency == "database":
            return
        # Only our own errors are known to quote nothing of the event.
        said = f": {error}" if isinstance(error, BillingError) else ""
        try:
            self._apply.failed(event, f"{type(error).__name__}{said}")
        except UnavailableError as unavailable:
            logger().warning("failure not kept in the inbox", extra=failure(unavailable))

    def _count(self, name: str, value: int = 1) -> None:
        self._counts[name] += value

    def _elapsed(self) -> dict[str, float]:
        return {"ms": round((time.perf_counter() - self._started) * 1000, 1)}
