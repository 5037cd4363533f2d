"""When SQS delivers failed messages again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from billing.domain.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from types_boto3_sqs import SQSClient

_BATCH = 10
"""Entries that SQS takes in one call; also the size of a batch that Lambda gets here."""


class SqsRedelivery:
    """Sets the time until messages of this queue are delivered again."""

    def __init__(self, queue_url: str) -> None:
        self._queue_url = queue_url
        self._client: SQSClient | None = None

    def __call__(self, delays: Mapping[str, int]) -> None:
        """Deliver each message (by its receipt handle) again after its delay in seconds.

        Raises
        ------
        UnavailableError
            SQS does not answer, or took only some: the others wait for the queue's own timeout.
        """
        handles = list(delays)
        for start in range(0, len(handles), _BATCH):
            some = handles[start : start + _BATCH]
            try:
                answer = self._connected().change_message_visibility_batch(
                    QueueUrl=self._queue_url,
                    Entries=[
                        {"Id": str(i), "ReceiptHandle": handle, "VisibilityTimeout": delays[handle]}
                        for i, handle in enumerate(some)
                    ],
                )
            except (BotoCoreError, ClientError) as error:
                raise UnavailableError("queue") from error
            if answer.get("Failed"):
                raise UnavailableError("queue")

    def _connected(self) -> SQSClient:
        if self._client is None:
            patience = Config(
                connect_timeout=2, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2}
            )
            self._client = boto3.client("sqs", config=patience)
        return self._client
