"""What the tests of the simulation share: runs of many worlds, and bugs to be found."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from simulation.shrink import Shrinker
from simulation.story import story

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulation.play import Plan, Theatre
    from simulation.server import Server
    from simulation.shrink import Shrunk


def events_until_failure(theatre: Theatre, plan: Plan, events: int) -> tuple[Counter[str], str | None]:
    """Return the events made, by type, until that many, or until a world failed, and then its story."""
    made: Counter[str] = Counter()
    number = 0
    while made.total() < events:
        result = theatre.play(plan, number)
        made.update(what.partition(" of ")[0] for what in result.told.values())
        if result.differences:
            return made, story(plan.seed, number, result, Shrinker(theatre.replay, seconds=10)(result.script))
        number += 1
    return made, None


def shortest_failure(theatre: Theatre, plan: Plan, events: int) -> tuple[Shrunk, str]:
    """Return the shortest history of the first world that fails within so many events, and its story."""
    made = number = 0
    while made < events:
        result = theatre.play(plan, number)
        made += result.events
        if result.differences:
            shrunk = Shrinker(theatre.replay, seconds=30)(result.script)
            assert shrunk is not None, "the failing world ends well when it is played again"
            return shrunk, story(plan.seed, number, result, shrunk)
        number += 1
    raise AssertionError(f"no world failed in {made} events")


@contextmanager
def function_with(server: Server, name: str, right: str, wrong: str) -> Iterator[None]:
    """Replace a part of a function of the database while the block runs."""
    question = "SELECT pg_get_functiondef(oid) AS text FROM pg_proc WHERE proname = %s"
    [found] = server.rows(question, name)
    definition = str(found["text"])
    assert definition.count(right) == 1, definition
    server.execute(definition.replace(right, wrong))
    try:
        yield
    finally:
        server.execute(definition)
