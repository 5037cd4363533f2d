"""Makes a failing script shorter, as long as it still fails."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from simulation.actions import Ask, Deliver, Script, Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulation.actions import Action
    from simulation.world import Result


@dataclass(frozen=True, slots=True)
class Shrunk:
    """The shortest failing script that was found, what came of it, and after how many runs."""

    result: Result
    runs: int


class Shrinker:
    """Runs ever shorter scripts: `play` runs one, at most `runs` times and for about `seconds`."""

    def __init__(self, play: Callable[[Script], Result], *, runs: int = 400, seconds: float = 120.0) -> None:
        self._play = play
        self._left = runs
        self._until = time.monotonic() + seconds
        self._runs = 0

    def __call__(self, script: Script) -> Shrunk | None:
        """Return what is left of the script, None if played again it does not fail."""
        best = self._try(script)
        if best is None:
            return None
        for reduce in (self._fewer_owners, self._fewer_actions, self._fewer_deliveries):
            best = reduce(best)
        size = None
        while size != len(best.script.actions):
            size = len(best.script.actions)
            best = self._fewer_actions(best)
        return Shrunk(self._calmer(best), self._runs)

    def _try(self, script: Script) -> Result | None:
        """Return the result of a script that fails, without what was idle in it; None if it passes."""
        if self._left <= 0 or time.monotonic() > self._until:
            return None
        self._left -= 1
        self._runs += 1
        result = self._play(script)
        return result if result.differences else None

    def _fewer_owners(self, best: Result) -> Result:
        """Leave out one customer's calls after the other; their events go with them."""
        owners = {action.owner for action in best.script.actions if isinstance(action, Ask)} - {None}
        for owner in sorted(filter(None, owners)):
            shorter = [a for a in best.script.actions if not (isinstance(a, Ask) and a.owner == owner)]
            best = self._try(Script(best.script.workers, shorter)) or best
        return best

    def _fewer_actions(self, best: Result) -> Result:
        """Leave out what did nothing, then halves, quarters, ... down to single actions."""
        best = self._try(_without(best.script, best.idle)) or best
        size = len(best.script.actions) // 2
        while size:
            place = len(best.script.actions)
            while place > 0:
                place = max(place - size, 0)
                shorter = self._try(_without(best.script, frozenset(range(place, place + size))))
                best = shorter or best
            size //= 2
        return best

    def _fewer_deliveries(self, best: Result) -> Result:
        """Leave single events out of batches."""
        place = 0
        while place < len(best.script.actions):
            action = best.script.actions[place]
            if isinstance(action, Deliver) and len(action.events) > 1:
                for event in action.events:
                    fewer = replace(action, events=tuple(each for each in action.events if each != event))
                    best = self._try(_with(best.script, place, fewer)) or best
                    action = best.script.actions[place]
                    if not isinstance(action, Deliver) or len(action.events) == 1:
                        break
            place += 1
        return best

    def _calmer(self, best: Result) -> Result:
        """Let no time pass where that makes no difference."""
        for place in range(len(best.script.actions)):
            action = best.script.actions[place]
            if isinstance(action, Ask | Step) and action.wait:
                best = self._try(_with(best.script, place, replace(action, wait=0.0))) or best
        return best


def _without(script: Script, left_out: frozenset[int]) -> Script:
    kept = [action for place, action in enumerate(script.actions) if place not in left_out]
    return Script(script.workers, kept)


def _with(script: Script, place: int, action: Action) -> Script:
    return Script(script.workers, [*script.actions[:place], action, *script.actions[place + 1 :]])
