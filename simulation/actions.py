"""What happens in a world, one thing after the other: a script of these can be run again and made shorter."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Ref:
    """Stands for the id of an object that an earlier call made, such as `invoice@7`.

    `item` is the number of one of its items (of a subscription) instead of itself.
    """

    name: str
    item: int | None = None

    def __str__(self) -> str:
        return f"<{self.name}>" if self.item is None else f"<{self.name} item {self.item}>"


def _shown(value: Any) -> str:
    match value:
        case dict():
            return "{" + " ".join(f"{name}={_shown(inner)}" for name, inner in value.items()) + "}"
        case list() | tuple():
            return "[" + " ".join(map(_shown, value)) + "]"
        case _:
            return str(value)


@dataclass(frozen=True, slots=True)
class Ask:
    """A call to Stripe's API, `wait` seconds after what came before; Stripe may refuse it.

    `number` names what it makes; `owner` is the customer whose history it belongs to, None for what all
    share.
    """

    number: int
    wait: float
    method: str
    pattern: str
    path: Mapping[str, Ref | str]
    params: Mapping[str, Any]
    owner: str | None

    def __str__(self) -> str:
        path = self.pattern
        for name, ref in self.path.items():
            path = path.replace(f"{{{name}}}", str(ref))
        given = " ".join(f"{name}={_shown(value)}" for name, value in self.params.items())
        return f"Stripe is asked {self.method} {path} {given}".rstrip()


@dataclass(frozen=True, slots=True)
class Deliver:
    """The queue hands a batch of events to a worker; an event `7.0` is the first that call 7 made."""

    worker: int
    events: tuple[str, ...]

    def __str__(self) -> str:
        return f"worker {self.worker} receives {', '.join(self.events)}"


CALLS_MIRROR = "calls the mirror: "
"""How the step of a worker begins that is a statement."""


class Fault(StrEnum):
    """What goes wrong in one step of a worker."""

    NONE = "none"
    CRASH = "dies before it"
    LOST = "does it, and the answer is lost"
    REPEATED = "does it, the answer is lost, and the driver repeats it"
    KILLED = "loses its connection while the statement runs"
    KILLED_AND_CRASHED = "loses its connection while the statement runs, and dies"
    NO_STRIPE = "gets no answer from Stripe"

    def strikes(self, step: str) -> bool:
        """Return whether it makes a difference to this step; those of a running statement show in the end."""
        match self:
            case Fault.CRASH:
                return True
            case Fault.LOST | Fault.REPEATED:
                return step.startswith(CALLS_MIRROR)
            case Fault.NO_STRIPE:
                return "Stripe" in step
            case _:
                return False


@dataclass(frozen=True, slots=True)
class Step:
    """A worker does its next step: one call of a port, or the acknowledgement of its batch."""

    worker: int
    wait: float = 0.0
    fault: Fault = Fault.NONE

    def __str__(self) -> str:
        return f"worker {self.worker} goes on" + ("" if self.fault is Fault.NONE else f", but {self.fault}")


@dataclass(frozen=True, slots=True)
class Rush:
    """Workers do their next step at once: all statements are under way before the first can end."""

    workers: tuple[int, ...]

    def __str__(self) -> str:
        return f"workers {', '.join(map(str, self.workers))} go on at once"


@dataclass(frozen=True, slots=True)
class Cut:
    """The database closes a worker's idle connection."""

    worker: int

    def __str__(self) -> str:
        return f"the database closes the connection of worker {self.worker}"


@dataclass(frozen=True, slots=True)
class Stop:
    """The database server dies; with a worker, while a statement of that one runs."""

    worker: int | None = None

    def __str__(self) -> str:
        return "the database dies" + (
            "" if self.worker is None else f" under a statement of worker {self.worker}"
        )


@dataclass(frozen=True, slots=True)
class Start:
    """The database server comes back."""

    def __str__(self) -> str:
        return "the database is back"


class Teller(StrEnum):
    """Who tells an event, each in an API version of its own."""

    ENDPOINT = "endpoint"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True)
class Turn:
    """From now on events are told in this API version: to the endpoint, or in the account's list of them."""

    who: Teller
    version: str

    def __str__(self) -> str:
        return f"the {self.who}'s API version is {self.version}"


type Action = Turn | Ask | Deliver | Step | Rush | Cut | Stop | Start


@dataclass(slots=True)
class Script:
    """The actions of a world in order, and how many workers it has."""

    workers: int
    actions: list[Action] = field(default_factory=list)
