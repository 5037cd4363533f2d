"""How named parameters reach PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.adapters.postgres.connection import Statement

if TYPE_CHECKING:
    from billing.adapters.postgres.connection import Database


def test_a_name_may_stand_twice_and_a_doubled_percent_sign_is_one(worker_database: Database) -> None:
    """Given a name used twice, another one and an operator %, when run, then each value is in its place."""
    text = "SELECT %(a)s::int * 100 + %(b)s::int * 10 + %(a)s::int AS n, 10 %% 4 AS rest"
    [rows] = worker_database.write(Statement(text, {"b": 2, "a": 1, "unused": "x"}))
    assert rows == [{"n": 121, "rest": 2}]
    [rows] = worker_database.read_as("cus_1", Statement("SELECT %(a)s::text AS a", {"a": "%(b)s"}))
    assert rows == [{"a": "%(b)s"}]
