"""Plays worlds: one made by its seed, or a script once more."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from random import Random
from typing import TYPE_CHECKING, Any

from billing.entrypoints.observability import logger
from simulation.actions import Script
from simulation.crew import Worker
from simulation.history import History, Style
from simulation.stripe import VirtualStripe
from simulation.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from billing.use_cases.mirror_ports import Mirror
    from simulation.crew import Mutation
    from simulation.server import Server
    from simulation.world import Result

_MOST_ACTIONS = 200_000
"""More than any world needs: one that does not come to its end has a livelock."""


def unchanged(mirror: Mirror) -> Mirror:
    """Return the mirror as it is: no bug is put in."""
    return mirror


@dataclass(frozen=True, slots=True)
class Plan:
    """Which worlds there are: world `number` of a `seed`; `outages` in each of them on average.

    `fixed` sets members of every world's style, for tests that look for something.
    """

    seed: int
    outages: float = 0.1
    fixed: Mapping[str, Any] = field(default_factory=dict)

    def history(self, number: int) -> tuple[History, Style]:
        """Return what makes the world's actions, and its style; the same every time."""
        random = Random(f"{self.seed}/{number}")  # noqa: S311 - made to be guessed
        style = replace(Style.of(random, self.outages), **self.fixed)
        return History(random, style), style


class Theatre:
    """Where worlds are played, one after the other, on one server.

    The workers stay from world to world, and so do their connections where nothing happened to them: the
    database plans its functions anew for each connection.
    """

    def __init__(self, server: Server, mutate: Mutation = unchanged) -> None:
        self._server = server
        self._mutate = mutate
        self._workers: list[Worker] = []

    def close(self) -> None:
        """Send the workers home."""
        for worker in self._workers:
            worker.close()
        self._workers.clear()

    def play(self, plan: Plan, number: int) -> Result:
        """Play a world of a plan, and return what it came to with the script that leads there again."""
        history, style = plan.history(number)
        with self._world(style.workers) as world:
            script = Script(style.workers)
            idle = set()
            while (action := history.next(world)) is not None:
                if not world.do(action):
                    idle.add(len(script.actions))
                script.actions.append(action)
                if len(script.actions) > _MOST_ACTIONS:
                    raise RuntimeError(f"world {number} of seed {plan.seed} does not come to its end")
            return world.result(script, world.calm_down(), frozenset(idle))

    def replay(self, script: Script) -> Result:
        """Play the actions of a script, and let what they leave open come to its end."""
        with self._world(script.workers) as world:
            idle = {place for place, action in enumerate(script.actions) if not world.do(action)}
            return world.result(script, world.calm_down(), frozenset(idle))

    @contextmanager
    def _world(self, size: int) -> Iterator[World]:
        stripe = VirtualStripe(self._server.tag())
        for worker in self._workers:
            worker.begin(stripe)
        while len(self._workers) < size:
            name = f"worker {len(self._workers)}"
            worker = Worker(name, self._server.settings, self._server.worker, stripe, self._mutate)
            self._workers.append(worker)
        world = World(self._server, self._workers[:size], stripe)
        level = logger().log_level
        logger().setLevel("CRITICAL")  # a line an event is much, and nobody reads it
        try:
            yield world
        except BaseException:
            self.close()  # whatever they stand in the middle of
            raise
        finally:
            logger().setLevel(level)
            stripe.close()
            if not self._server.is_up:
                self._server.revive()
            if world.has_cut_connections:
                for worker in self._workers:
                    worker.disconnect()
