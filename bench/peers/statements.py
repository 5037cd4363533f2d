"""How many statements reach a database, as its server logs them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from psycopg import sql

from billing.adapters.postgres.connection import connect
from local.postgres import SUPERUSER

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.world import World

_STATEMENT = re.compile(r"^[^\t\n]*? LOG:  (?:statement|execute [^:\n]+): ", re.MULTILINE)
_FEW, _MORE = 5, 15


def statements_per_event(world: World, database: str, apply: Callable[[int], object]) -> float:
    """Return how many statements `apply`, given a number of events, sends for each further one."""
    setting = sql.SQL("ALTER DATABASE {} SET log_statement = {}")
    with connect(replace(world.settings, name="postgres"), world.logins[SUPERUSER]) as connection:
        connection.execute(setting.format(sql.Identifier(database), sql.Literal("all")))
        try:
            few = _logged(world, apply, _FEW)
            more = _logged(world, apply, _MORE)
        finally:
            connection.execute(setting.format(sql.Identifier(database), sql.SQL("DEFAULT")))
    return (more - few) / (_MORE - _FEW)


def count_statements(log: str) -> int:
    """Return how many statements a log holds, each once, however many lines it has."""
    return len(_STATEMENT.findall(log))


def _logged(world: World, apply: Callable[[int], object], events: int) -> int:
    before = world.log.stat().st_size
    apply(events)
    with world.log.open("rb") as log:
        log.seek(before)
        return count_statements(log.read().decode())
