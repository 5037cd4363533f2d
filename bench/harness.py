"""What every row shares: results with their floors, interleaved rounds, and the run's settings."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Target:
    """What to reach, at most: a ratio to the floor, a distance over it, or a figure in the row's unit."""

    kind: Literal["ratio", "over", "absolute"]
    at_most: float


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the bench.

    `measured` and `floor` are medians in `unit`; `floor_is` says what the floor does. `floor` is None for
    a line that has none by nature, such as a size.
    """

    row: str
    case: str
    unit: str
    measured: float
    floor: float | None
    floor_is: str
    target: Target | None = None

    @property
    def ratio(self) -> float | None:
        """Ours over the floor; for events per second as well, so there more is better."""
        return self.measured / self.floor if self.floor else None

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached, None where there is none."""
        if self.target is None:
            return None
        if self.target.kind == "absolute":
            return self.measured <= self.target.at_most
        if self.floor is None:
            return None
        if self.target.kind == "ratio":
            return self.measured <= self.target.at_most * self.floor
        return self.measured - self.floor <= self.target.at_most

    def as_json(self) -> dict[str, Any]:
        """Return every member, and what follows from them."""
        return {**asdict(self), "ratio": self.ratio, "reached": self.reached}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Result:
        """Return the result that `as_json` wrote."""
        members = {name: said[name] for name in cls.__slots__}
        return cls(**{**members, "target": said["target"] and Target(**said["target"])})


@dataclass(frozen=True, slots=True)
class Run:
    """The settings of one run: `quick` takes sizes too small to mean anything, `million` adds 10 x rows.

    `kept` keeps what is built (layers, fonts, node_modules) from run to run; `scratch` is gone after it.
    `missing` gathers what could not be measured, and why.
    """

    project: Path
    kept: Path
    scratch: Path
    quick: bool
    million: bool
    say: Callable[[str], None]
    missing: list[str] = field(default_factory=list)

    def size(self, full: int, quick: int) -> int:
        """Return the full size, or the quick one."""
        return quick if self.quick else full


def interleaved(rounds: int, work: Mapping[str, Callable[[], float]]) -> dict[str, float]:
    """Return the median of what each piece of work returned, one after the other in every round.

    Whatever else the machine does then hits all of them; the order turns, so that none is always first.
    """
    names = list(work)
    taken: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            taken[name].append(work[name]())
    return {name: median(values) for name, values in taken.items()}


def once(work: Callable[[], object]) -> float:
    """Return how many milliseconds the work took."""
    began = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - began) / 1e6


def timed(work: Callable[[], object], times: int) -> Callable[[], float]:
    """Return what does the work so often and returns the median of its milliseconds."""
    return lambda: median(once(work) for _ in range(times))
