"""The connection to ClickHouse: one HTTP client a process, and the table that everything is in."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, LiteralString

from billing.domain.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from clickhouse_connect.driver.client import Client

    from billing.settings import ClickHouseSettings

TABLE = "usage_events"

# What a customer used of a meter lies together, in the order of time; what is asked of an id goes through
# the projection. Both are written as one part, so an insert is there as a whole or not at all: no partitions,
# which would be parts of their own. The last inserts are known by their tokens, should one be sent twice.
_TYPES: dict[str, LiteralString] = {
    "customer": "String",
    "meter": "LowCardinality(String)",
    "counted_at": "DateTime64(6, 'UTC')",
    "quantity": "Int8",
    "value": "Nullable(Decimal(38, 12))",
    "distinct_value": "Nullable(String)",
    "groups": "Array(String)",
    "time": "DateTime64(6, 'UTC')",
    "recorded_at": "DateTime64(6, 'UTC')",
    "source": "LowCardinality(String)",
    "id": "String",
    "digest": "FixedString(16)",
    "voids": "String",
    "finding": "LowCardinality(String)",
}

_CREATE = f"""
CREATE TABLE IF NOT EXISTS usage_events (
    {", ".join(f"{name} {kind}" for name, kind in _TYPES.items())},
    PROJECTION by_id (
        SELECT customer, source, id, meter, counted_at, quantity, digest, voids, finding
        ORDER BY customer, source, id
    )
)
ENGINE = MergeTree
ORDER BY (customer, meter, counted_at)
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1"""

# What is left of months that are forgotten. Written again, a row takes the place of the one before.
_CREATE_ROLLUPS = """
CREATE TABLE IF NOT EXISTS usage_rollups (
    customer String, meter LowCardinality(String), bucket DateTime64(6, 'UTC'), groups Array(String),
    count Int64, sum Nullable(Decimal(38, 12)), max Nullable(Decimal(38, 12)),
    last_value Nullable(Decimal(38, 12)), last_time DateTime64(6, 'UTC'), last_source String, last_id String,
    distinct_values Array(String)
)
ENGINE = ReplacingMergeTree
ORDER BY (customer, meter, bucket, groups)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"""

# Seconds. PostgreSQL ends a transaction that idles for ten, and with it the lock under which this is called.
_CONNECT_TIMEOUT = 2
_ANSWER_TIMEOUT = 7
_SERVER_TIMEOUT = 5

# Deleting rewrites whole parts: so often, and so many seconds apart, it is looked whether that is done.
_LOOKS = 1_000
_BETWEEN_LOOKS = 0.2


class ClickHouse:
    """Runs statements on one client, made on first use by `connect`; not for several threads.

    The table is made with the client, unless it is there.
    """

    def __init__(self, connect: Callable[[], Client]) -> None:
        self._connect = connect
        self._client: Client | None = None

    def rows(self, statement: str, parameters: Mapping[str, object]) -> Sequence[Sequence[Any]]:
        """Return the rows of a query, its parameters bound by the server.

        Raises
        ------
        UnavailableError
            ClickHouse does not answer.
        """
        with self._working() as client:
            return client.query(statement, parameters=dict(parameters)).result_rows

    def insert(self, names: Sequence[str], rows: Sequence[Sequence[object]], token: str) -> None:
        """Keep the rows, all or none; the same token soon again keeps nothing more.

        Raises
        ------
        UnavailableError
            ClickHouse does not answer; the rows may or may not be kept.
        """
        settings = {"insert_deduplication_token": token, "async_insert": 0}
        with self._working() as client:
            client.insert(
                TABLE,
                rows,
                column_names=names,
                # Else the client asks for them each time.
                column_type_names=[_TYPES[name] for name in names],
                settings=settings,
            )

    def run(self, statement: str, parameters: Mapping[str, object]) -> None:
        """Run a statement that returns nothing, its parameters bound by the server.

        Raises
        ------
        UnavailableError
            ClickHouse does not answer; it may or may not be done.
        """
        with self._working() as client:
            client.command(statement, parameters=dict(parameters))

    def forget(self, customer: str, *, wait: bool) -> None:
        """Begin to delete every event of a customer, and wait until they are gone if told to.

        Raises
        ------
        UnavailableError
            ClickHouse does not answer, or they are still there after minutes.
        """
        own = {"customer": customer}
        count = "SELECT count() FROM usage_events WHERE customer = {customer:String}"
        if self.rows(count, own)[0][0] == 0:
            return
        with self._working() as client:
            client.command(
                "ALTER TABLE usage_events DELETE WHERE customer = {customer:String}", parameters=dict(own)
            )
        for _ in range(_LOOKS if wait else 0):
            if self.rows(count, own)[0][0] == 0:
                return
            time.sleep(_BETWEEN_LOOKS)
        if wait:
            raise UnavailableError("usage store")

    @contextmanager
    def _working(self) -> Iterator[Client]:
        from clickhouse_connect.driver.exceptions import ClickHouseError
        from urllib3.exceptions import HTTPError

        try:
            if self._client is None:
                self._client = self._connect()
                self._client.command(_CREATE)
                self._client.command(_CREATE_ROLLUPS)
            yield self._client
        except (ClickHouseError, HTTPError, OSError) as error:
            # A client keeps what it learnt of a server that may be another one by now.
            self._client = None
            raise UnavailableError("usage store") from error


def connect_to(settings: ClickHouseSettings, username: str, password: str) -> Client:
    """Return a new client of a server.

    Raises
    ------
    clickhouse_connect.driver.exceptions.ClickHouseError
        The server does not answer, or refuses the credentials.
    """
    import clickhouse_connect

    return clickhouse_connect.get_client(
        host=settings.host,
        port=settings.port,
        username=username,
        password=password,
        database=settings.database,
        secure=settings.secure,
        connect_timeout=_CONNECT_TIMEOUT,
        send_receive_timeout=_ANSWER_TIMEOUT,
        query_retries=0,
        autogenerate_session_id=False,
        # A thousand ids are too long for an address.
        form_encode_query_params=True,
        settings={"max_execution_time": _SERVER_TIMEOUT},
    )
