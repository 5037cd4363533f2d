"""What a record of the queue holds: an event of Stripe, or why there is none in it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from billing.domain.errors import PayloadRejectedError
from billing.domain.mirror import MalformedEventError, Receipt
from billing.entrypoints.event_digest import event_digest
from billing.use_cases.mirror_ports import MISSING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

    from billing.domain.mirror import MalformedEvent, StripeEvent
    from billing.entrypoints.event_filter import Claim
    from billing.use_cases.apply_stripe_event import Applied

    type Read = Callable[[Mapping[str, object]], StripeEvent]


@dataclass(slots=True)
class Item:
    """A record's event, or why it has none; how it ended, if that is known.

    `is_missing` says that the inbox was asked before it was queued, and did not know how it ended.
    """

    event: StripeEvent | MalformedEvent | None
    error: Exception | None = None
    applied: Applied | None = None
    claim: Claim | None = None
    is_missing: bool = False

    @property
    def is_for_good(self) -> bool:
        """Whether the event ended, and no newer version is to judge it again."""
        if self.error is not None or self.applied is None:
            return False
        if self.applied.outcome is None:
            # What came under another's id must not stand for it in the records.
            return self.applied.reason is None
        return self.applied.outcome.is_final


def read_record(record: SQSRecord, read: Read) -> Item:
    """Return the record's event, or the error that its turn is to raise."""
    try:
        payload = _parsed(record.body)
        event = replace(_event(payload, read), receipt=_receipt(record, payload))
        return Item(event, is_missing=MISSING in record.message_attributes)
    except Exception as error:  # noqa: BLE001 - raised again when the record's turn comes
        return Item(None, error)


def _event(payload: Mapping[str, object], read: Read) -> StripeEvent | MalformedEvent:
    try:
        return read(payload)
    except MalformedEventError as error:
        return error.event


def _parsed(body: str) -> Mapping[str, object]:
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        raise PayloadRejectedError("The message is not JSON.") from None
    if not isinstance(payload, dict):
        raise PayloadRejectedError("The message is not an event of Stripe.")
    return payload


def _receipt(record: SQSRecord, payload: Mapping[str, object]) -> Receipt:
    sent = int(record.attributes.sent_timestamp) / 1000
    return Receipt(
        received_at=datetime.fromtimestamp(sent, UTC),
        attempt=int(record.attributes.approximate_receive_count),
        body=record.body,
        digest=event_digest(payload),
    )
