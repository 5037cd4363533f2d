"""A failing world, told so that a person can follow it and run it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulation.actions import Ask, Deliver, Step

if TYPE_CHECKING:
    from simulation.actions import Script
    from simulation.shrink import Shrunk
    from simulation.world import Result

_MOST_DIFFERENCES = 10
_MOST_ACTIONS = 100


def story(seed: int, number: int, failed: Result, shrunk: Shrunk | None) -> str:
    """Return what differs, the shortest history that leads there, and how to see it again."""
    lines = [f"World {number} of seed {seed} ends with a mirror that is not Stripe:"]
    shortest = failed if shrunk is None else shrunk.result
    lines += [f"  {said}" for said in shortest.differences[:_MOST_DIFFERENCES]]
    left = len(shortest.differences) - _MOST_DIFFERENCES
    if left > 0:
        lines.append(f"  … and {left} more")
    if shrunk is None:
        lines.append(
            f"Played again action by action it ends well, so its {len(failed.script.actions)} actions are"
            " not all of its cause: what does the code do that the seed does not decide?"
        )
    else:
        lines.append(
            f"The shortest history that was found, {len(shortest.script.actions)} of"
            f" {len(failed.script.actions)} actions after {shrunk.runs} runs:"
        )
        told = history(shortest)
        if len(told) > _MOST_ACTIONS:
            lines.append(f"  … the first {len(told) - _MOST_ACTIONS} are left out here")
        lines += told[-_MOST_ACTIONS:]
        lines.append("then everything is delivered that is not done, and what was never delivered is swept.")
    lines.append(f"Again: make simulate SEED={seed} WORLD={number}")
    return "\n".join(lines)


def history(result: Result) -> list[str]:
    """Return the actions of a script, one a line, with what their events are."""
    return [
        f"  {place:3}. {_when(result.script, place)}{action}{_about(result, action)}"
        for place, action in enumerate(result.script.actions, start=1)
    ]


def _when(script: Script, place: int) -> str:
    """Return the second of the world in which the action takes place."""
    waits = [action.wait for action in script.actions[:place] if isinstance(action, Ask | Step)]
    return f"[{sum(waits):8.3f} s] "


def _about(result: Result, action: object) -> str:
    match action:
        case Ask(number=number):
            made = [
                f"{name} {what}" for name, what in result.told.items() if name.split(".")[0] == str(number)
            ]
            return f" → call {number}: {', '.join(made) or 'refused'}"
        case Deliver(events=events):
            return f" ({', '.join(result.told.get(event, 'never made') for event in events)})"
        case _:
            return ""
