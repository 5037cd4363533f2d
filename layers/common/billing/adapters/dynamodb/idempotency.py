"""Where Powertools keeps its idempotency records."""

from __future__ import annotations

from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer
from botocore.config import Config


def idempotency_store(table: str) -> DynamoDBPersistenceLayer:
    """Return the records of this table.

    DynamoDB is given up on within seconds, because the records are a first filter only.
    """
    patience = Config(
        connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2}
    )
    return DynamoDBPersistenceLayer(table_name=table, boto_config=patience)
