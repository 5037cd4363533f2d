"""Makes a failing script shorter, as long as it still fails."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from simulation.actions import Ask, Cut, Deliver, Script, Start, Step, Stop

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from simulation.actions import Action
    from simulation.world import Result

_NAME = re.compile(r"[a-z_.]+@[0-9]+(?:\.[0-9]+)?")
"""What objects are called in a world."""

_TRIES = 3
_BREAKS = (Cut, Stop, Start)
"""What takes long and is seldom the cause."""


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
        # More than once: where statements race in the database, not even the same steps end the same.
        tries = (self._try(script) for _ in range(_TRIES))
        best = next((found for found in tries if found is not None), None)
        if best is None:
            return None
        for reduce in (self._suspects, self._fewer_owners, self._fewer_actions, self._fewer_deliveries):
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

    def _suspects(self, best: Result) -> Result:
        """Keep only what is about the objects that differ, or at least about their customers."""
        suspects = {name for said in best.differences for name in _NAME.findall(said)}
        numbers = {int(name.partition("@")[2].partition(".")[0]) for name in suspects}
        asked = [action for action in best.script.actions if isinstance(action, Ask)]
        owners = {action.owner for action in asked if action.number in numbers} | {None}
        theirs = {str(action.number) for action in asked if action.owner in owners}
        about = {event for event, what in best.told.items() if what.rpartition(" ")[2] in suspects}
        family = {event for event in best.told if event.partition(".")[0] in theirs}
        for events in (about, family):
            found = self._try(_only(best.script, owners, events))
            if found is not None:
                best = self._try(_without(found.script, found.idle)) or found
                break
        broken = {place for place, action in enumerate(best.script.actions) if isinstance(action, _BREAKS)}
        return self._try(_without(best.script, frozenset(broken))) or best

    def _fewer_owners(self, best: Result) -> Result:
        """Leave out one customer's calls after the other; their events go with them."""
        owners = {action.owner for action in best.script.actions if isinstance(action, Ask)} - {None}
        for owner in sorted(filter(None, owners)):
            gone = {
                place
                for place, action in enumerate(best.script.actions)
                if isinstance(action, Ask) and action.owner == owner
            }
            best = self._try(_without(best.script, frozenset(gone))) or best
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
    """Return the script without the actions at these places; what is left happens when it did before."""
    kept: list[Action] = []
    waited = 0.0
    for place, action in enumerate(script.actions):
        if isinstance(action, Ask | Step):
            if place in left_out:
                waited += action.wait
            else:
                kept.append(replace(action, wait=round(action.wait + waited, 3)) if waited else action)
                waited = 0.0
        elif place not in left_out:
            kept.append(action)
    return Script(script.workers, kept)


def _only(script: Script, owners: Container[str | None], events: Container[str]) -> Script:
    """Return the script with these customers' calls and these events' deliveries only."""
    gone = set()
    actions: list[Action] = []
    for place, action in enumerate(script.actions):
        match action:
            case Ask() if action.owner not in owners:
                gone.add(place)
                actions.append(action)
            case Deliver():
                told = tuple(event for event in action.events if event in events)
                actions.append(replace(action, events=told))
                if not told:
                    gone.add(place)
            case _:
                actions.append(action)
    return _without(Script(script.workers, actions), frozenset(gone))


def _with(script: Script, place: int, action: Action) -> Script:
    return Script(script.workers, [*script.actions[:place], action, *script.actions[place + 1 :]])
