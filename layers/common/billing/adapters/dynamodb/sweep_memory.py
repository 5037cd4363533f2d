"""What the last finished sweep saw, in the table of the idempotency records."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from billing.domain.errors import UnavailableError
from billing.domain.recovery import SweptWindow

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_KEPT = timedelta(days=2)
"""Longer than it is believed; then the table's time to live takes it away."""


class DynamoDbSweepMemory:
    """The port `SweepMemory`: one item of this table for each mode of Stripe."""

    def __init__(self, table: str, *, livemode: bool) -> None:
        self._table = table
        self._key = f"stripe-sweep#{'live' if livemode else 'test'}"
        self._client: DynamoDBClient | None = None

    def recall(self) -> SweptWindow | None:
        """Return the last window that was kept, None if none is known."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._connected().get_item(
                TableName=self._table, Key={"id": {"S": self._key}}, ConsistentRead=True
            )
        except (BotoCoreError, ClientError) as error:
            raise UnavailableError("memory of sweeps") from error
        item = answer.get("Item")
        return None if item is None else _window(item.get("window", {}).get("S", ""))

    def keep(self, window: SweptWindow) -> None:
        """Remember this window, and no other one."""
        from botocore.exceptions import BotoCoreError, ClientError

        text = json.dumps(
            {
                "until": window.until.isoformat(),
                "types": window.types,
                "seen": sorted(window.seen),
                "at": window.at.isoformat(),
            }
        )
        expiration = int((window.at + _KEPT).timestamp())
        item = {"id": {"S": self._key}, "window": {"S": text}, "expiration": {"N": str(expiration)}}
        try:
            self._connected().put_item(TableName=self._table, Item=item)
        except (BotoCoreError, ClientError) as error:
            raise UnavailableError("memory of sweeps") from error

    def _connected(self) -> DynamoDBClient:
        if self._client is None:
            import boto3
            from botocore.config import Config

            patience = Config(
                connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2}
            )
            self._client = boto3.client("dynamodb", config=patience)
        return self._client


def _window(text: str) -> SweptWindow | None:
    """Return the window, None if another version wrote it otherwise."""
    try:
        told = json.loads(text)
        return SweptWindow(
            until=datetime.fromisoformat(told["until"]).astimezone(UTC),
            types=tuple(told["types"]),
            seen=frozenset(told["seen"]),
            at=datetime.fromisoformat(told["at"]).astimezone(UTC),
        )
    except (ValueError, KeyError, TypeError):
        return None
