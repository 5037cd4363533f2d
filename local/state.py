"""What one run of the local cloud remembers for the next: ports, what was deployed, what was seeded."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from local.files import read_json, write_private_json

if TYPE_CHECKING:
    from pathlib import Path

STAND_IN = "stand-in"
TEST_MODE = "Stripe's test mode"


@dataclass(frozen=True, slots=True)
class CloudState:
    """`stripe` says whose data these are; `customers` maps a demo user's name to a Stripe customer.

    `built` and `deployed` are fingerprints of what was built and deployed; `seeded` is when seeding began,
    in seconds since the epoch, 0 before.
    """

    ports: dict[str, int] = field(default_factory=dict)
    built: str = ""
    deployed: str = ""
    stripe: str = ""
    customers: dict[str, str] = field(default_factory=dict)
    seeded: int = 0


class StateFile:
    """The file, written at each change."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> CloudState:
        """Return the state; an empty one before the first run."""
        content = read_json(self._path)
        return CloudState(**{name: content[name] for name in asdict(CloudState()) if name in content})

    def change(self, **changes: Any) -> CloudState:
        """Replace some of it and return the whole."""
        state = replace(self.read(), **changes)
        write_private_json(self._path, asdict(state))
        return state
