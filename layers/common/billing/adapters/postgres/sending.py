"""How statements get to the server and rows back."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg
from psycopg.pq import ExecStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg.rows import DictRow

    from billing.adapters.postgres.connection import Connection, Statement

_PLACEHOLDER = re.compile(r"%(?:%|\((\w+)\)s)")


def in_one_trip(
    connection: Connection, begin: Statement, statements: Sequence[Statement]
) -> list[list[DictRow]]:
    """Return the rows of a transaction that is one message to the server and one back.

    psycopg's own transaction() waits for the server at BEGIN and at COMMIT, even in a pipeline. If a
    statement fails, the server skips the rest, COMMIT included; the transaction is then rolled back.
    """
    try:
        with connection.pipeline():
            connection.execute(begin.text)
            cursors = [sent(connection, each) for each in statements]
            connection.execute("COMMIT")
    except psycopg.Error:
        if not connection.closed:
            connection.rollback()
        raise
    return [rows(cursor) for cursor in cursors]


def begun(connection: Connection, statements: Sequence[Statement]) -> list[list[DictRow]]:
    """Return the rows of statements in a transaction that is left open: one round trip."""
    try:
        with connection.pipeline():
            connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
            cursors = [sent(connection, each) for each in statements]
    except psycopg.Error:
        if not connection.closed:
            connection.rollback()
        raise
    return [rows(cursor) for cursor in cursors]


def ended(connection: Connection, statements: Sequence[Statement]) -> None:
    """Run the last statements of an open transaction and commit it: one round trip."""
    try:
        with connection.pipeline():
            for each in statements:
                sent(connection, each)
            connection.execute("COMMIT")
    except psycopg.Error:
        if not connection.closed:
            connection.rollback()
        raise


def sent(connection: Connection, statement: Statement) -> psycopg.Cursor[DictRow]:
    """Return the cursor of a statement that is on its way.

    psycopg would take a statement of more than 4,096 characters apart anew on every call.
    """
    text, names = _numbered(statement.text)
    return psycopg.RawCursor(connection).execute(text, [statement.parameters[name] for name in names])


@cache
def _numbered(text: LiteralString) -> tuple[bytes, tuple[str, ...]]:
    """Return the statement with PostgreSQL's own $1, $2, ..., and the names behind them in order."""
    names: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        return "%" if found[1] is None else f"${names.setdefault(found[1], len(names) + 1)}"

    return _PLACEHOLDER.sub(number, text).encode(), tuple(names)


def called(connection: Connection, text: LiteralString, parameters: Sequence[str | None]) -> str:
    """Return the one value of a statement, whose parameters it takes as texts.

    A third of the CPU of a cursor: no waiting in Python, and neither parameters nor rows to convert.
    """
    values = [None if each is None else each.encode() for each in parameters]
    result = connection.pgconn.exec_params(text.encode(), values)
    if result.status != ExecStatus.TUPLES_OK:
        error = psycopg.errors.error_from_result(result)
        # Every error of the server has a code; one without it is libpq's own word on the connection.
        if connection.closed or error.sqlstate is None:
            raise psycopg.OperationalError("the connection is lost") from error
        raise error
    value = result.get_value(0, 0)
    if value is None:
        raise TypeError("a call returns a value")
    return value.decode()


def rows(cursor: psycopg.Cursor[Any]) -> list[DictRow]:
    """Return the rows of what was sent, none if it has none."""
    return cursor.fetchall() if cursor.description is not None else []
