"""The queue of Stripe events on Amazon SQS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.domain.errors import UnavailableError
from billing.use_cases.mirror_ports import MISSING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import MessageAttributeValueTypeDef

_MARKED: Mapping[str, MessageAttributeValueTypeDef] = {
    MISSING: {"DataType": "String", "StringValue": "true"},
}


class SqsEventQueue:
    """Puts events on the standard queue with this URL; SQS has stored them on several machines on return."""

    def __init__(self, queue_url: str) -> None:
        self._queue_url = queue_url
        self._client: SQSClient | None = None

    def put(self, body: str, *, is_missing: bool = False) -> None:
        """Return once the queue has the event's JSON, marked as `is_missing` says.

        Raises
        ------
        UnavailableError
            It could not be stored; the sender must try again.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._connected().send_message(
                QueueUrl=self._queue_url, MessageBody=body, MessageAttributes=_MARKED if is_missing else {}
            )
        except (BotoCoreError, ClientError) as error:
            raise UnavailableError("queue") from error

    def _connected(self) -> SQSClient:
        if self._client is None:
            # Not at the top: a sweep and a replay ask the database first, and may have nothing to queue.
            import boto3
            from botocore.config import Config

            # Stripe waits some 20 s for an answer: three tries end well within that.
            patience = Config(
                connect_timeout=2, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3}
            )
            self._client = boto3.client("sqs", config=patience)
        return self._client
