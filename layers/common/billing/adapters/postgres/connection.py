"""One connection to PostgreSQL per process, opened when first used and reopened when found dead.

Nothing depends on the session: no prepared statements, no settings that outlive a transaction, so a
pooler may stand in between. Time limits hang on the roles (see migrations/0001_roles.sql).
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, LiteralString, Self

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow, dict_row

from billing.adapters.postgres.sending import begun, called, ended, in_one_trip, rows, sent
from billing.domain.errors import UnavailableError
from billing.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType

    from billing.settings import DatabaseSettings

type Connection = psycopg.Connection[DictRow]

# Seconds. Names that resolve to several addresses are tried one by one, each for so long.
_CONNECT_TIMEOUT = 3
# Milliseconds that sent data may stay unacknowledged: a server that vanished without a word is given up.
_TCP_USER_TIMEOUT = 8_000


@dataclass(frozen=True, slots=True)
class Credentials:
    """Name and password of a database role."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL statement with its named parameters."""

    text: LiteralString
    parameters: Mapping[str, object] = field(default_factory=dict)


def connect(
    settings: DatabaseSettings, credentials: Credentials, *, application_name: str = "billing"
) -> Connection:
    """Return a new connection in autocommit mode; rows come as dicts.

    Raises
    ------
    psycopg.OperationalError
        The server does not answer, refuses the credentials, or is not the one that its certificate names.
    SettingsError
        The file of root certificates does not exist.
    """
    return psycopg.connect(
        host=settings.host,
        port=settings.port,
        dbname=settings.name,
        sslmode=settings.ssl_mode,
        sslrootcert=_root_certificates(settings),
        user=credentials.username,
        password=credentials.password,
        application_name=application_name,
        connect_timeout=_CONNECT_TIMEOUT,
        tcp_user_timeout=_TCP_USER_TIMEOUT,
        keepalives_idle=5,
        keepalives_interval=2,
        keepalives_count=2,
        autocommit=True,
        prepare_threshold=None,
        row_factory=dict_row,
    )


def _root_certificates(settings: DatabaseSettings) -> str | None:
    """Return the file of the CAs to trust, None where the mode verifies nothing.

    libpq would look into the home directory, which a Lambda does not have.
    """
    if settings.ssl_mode != "verify-full":
        return None
    if not settings.ssl_root_cert:
        import certifi

        return certifi.where()
    if not Path(settings.ssl_root_cert).is_file():
        raise SettingsError("the environment variable DATABASE_SSL_ROOT_CERT names no file")
    return settings.ssl_root_cert


class Database:
    """The connection of one process; not for several threads.

    `credentials` is called when a connection is opened: with False for the credentials at hand, and with
    True for fresh ones after the server refused those.

    Work that fails on a dead connection is tried once more on a new one, so everything sent through here
    must be safe to repeat: reads are, and every write is guarded by its event's id.
    """

    def __init__(
        self,
        settings: DatabaseSettings,
        credentials: Callable[[bool], Credentials],
        *,
        application_name: str = "billing",
    ) -> None:
        self._settings = settings
        self._credentials = credentials
        self._application_name = application_name
        self._connection: Connection | None = None

    def query(self, statement: Statement) -> list[DictRow]:
        """Return the rows of one statement that is its own transaction: one round trip.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """

        def work(connection: Connection) -> list[DictRow]:
            return rows(sent(connection, statement))

        return self._work(work)

    def call(self, text: LiteralString, parameters: Sequence[str | None]) -> str:
        """Return the one value, which is never NULL, of a statement that is its own transaction.

        `parameters` are $1, $2, ... as texts, which the statement casts.

        Raises
        ------
        UnavailableError
            The database does not answer.
        psycopg.Error
            The database refused it; nothing was written.
        """
        return self._work(lambda connection: called(connection, text, parameters))

    def read_as(self, customer: str, *statements: Statement) -> list[list[DictRow]]:
        """Return the rows of each statement, run on one snapshot as this customer: one round trip.

        Row security shows only what belongs to the customer, whatever the statements ask for.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        tenant = Statement(
            "SELECT set_config('billing.customer', %(customer)s, true)", {"customer": customer}
        )
        begin = Statement("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        return self._work(lambda connection: in_one_trip(connection, begin, (tenant, *statements)))[1:]

    def write(self, *statements: Statement) -> list[list[DictRow]]:
        """Return the rows of each statement, run in one transaction that is then committed: one round trip.

        Each statement sees what was committed before it began, also while an earlier one waited for a lock.

        Raises
        ------
        UnavailableError
            The database does not answer; what was sent may or may not have been committed.
        psycopg.Error
            The database refused a statement; nothing was written.
        """
        begin = Statement("BEGIN ISOLATION LEVEL READ COMMITTED")
        return self._work(lambda connection: in_one_trip(connection, begin, statements))

    def act_as[T](
        self,
        customer: str,
        statements: Sequence[Statement],
        act: Callable[[list[list[DictRow]]], tuple[T, Sequence[Statement]]],
    ) -> T:
        """Return what `act` makes of the rows of the statements, run as this customer.

        The statements that `act` returns beside it are run in the same transaction, which is then
        committed: two round trips. What `act` raises rolls everything back. Row security holds as for
        `read_as`; each statement sees what was committed before it began.

        Raises
        ------
        UnavailableError
            The database does not answer; what was sent may or may not have been committed.
        psycopg.Error
            The database refused a statement; nothing was written.
        """
        tenant = Statement(
            "SELECT set_config('billing.customer', %(customer)s, true)", {"customer": customer}
        )
        return self.act((tenant, *statements), lambda found: act(found[1:]))

    def act[T](
        self,
        statements: Sequence[Statement],
        act: Callable[[list[list[DictRow]]], tuple[T, Sequence[Statement]]],
    ) -> T:
        """Return what `act` makes of the rows of the statements, as `act_as` does, for all customers.

        Raises
        ------
        UnavailableError
            The database does not answer; what was sent may or may not have been committed.
        psycopg.Error
            The database refused a statement; nothing was written.
        """

        def work(connection: Connection) -> T:
            result, more = act(begun(connection, statements))
            ended(connection, more)
            return result

        return self._work(work)

    @contextmanager
    def session(self) -> Iterator[Connection]:
        """Yield a connection of its own, closed afterwards, for work that is not to be repeated.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        try:
            with self._open() as connection:
                yield connection
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise UnavailableError("database") from error

    def close(self) -> None:
        """Close the connection, if any; the next call opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _work[T](self, work: Callable[[Connection], T]) -> T:
        try:
            return self._once(work)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            # A statement that was cancelled or a lock that was not granted leaves the connection alive, and
            # a server that could not be reached leaves none: neither gets better by an immediate repeat.
            if self._connection is None or not self._connection.closed:
                raise UnavailableError("database") from error
        self._connection = None
        try:
            return self._once(work)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise UnavailableError("database") from error

    def _once[T](self, work: Callable[[Connection], T]) -> T:
        if self._connection is None:
            self._connection = self._open()
        connection = self._connection
        try:
            return work(connection)
        finally:
            # Whatever went wrong: the next request must not find itself inside this one's transaction.
            if not connection.closed and connection.info.transaction_status != TransactionStatus.IDLE:
                connection.close()
                self._connection = None

    def _open(self) -> Connection:
        credentials = self._credentials(False)  # noqa: FBT003 - the agreed shape of the callback
        try:
            return connect(self._settings, credentials, application_name=self._application_name)
        except psycopg.OperationalError as error:
            # libpq gives no SQLSTATE here. That it came to use the password is how a refusal shows; the
            # password may have been rotated since it was read.
            if error.pgconn is None or not error.pgconn.used_password:
                raise
            fresh = self._credentials(True)  # noqa: FBT003 - the agreed shape of the callback
            if fresh == credentials:
                raise
        return connect(self._settings, fresh, application_name=self._application_name)
