"""What a call of a history is, and what it may be about."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simulation.actions import Ref

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from local.stripe_standin.store import Json


@dataclass(frozen=True, slots=True)
class Scene:
    """What a call may be about: `subject` is its object's name, `state` what Stripe keeps of it.

    `names` lists what exists by kind; `items` is how many items a subscription has.
    """

    random: Random
    subject: str
    state: Json
    names: Mapping[str, list[str]]
    items: int

    def text(self) -> str:
        """Return a name that was hardly used before."""
        return f"text {self.random.randrange(100_000)}"

    def chance(self, probability: float) -> bool:
        """Return True with this probability."""
        return self.random.random() < probability

    def maybe(self, value: Any) -> Any:
        """Return the value, or None to unset it."""
        return None if self.chance(0.2) else value

    def some(self, kind: str, most: int) -> list[Ref]:
        """Return up to so many objects of a kind."""
        found = self.names.get(kind, [])
        return [
            Ref(name) for name in self.random.sample(found, min(len(found), self.random.randint(0, most)))
        ]

    def coupons(self) -> list[Params]:
        """Return at most one coupon, as what takes discounts names them."""
        return [{"coupon": ref} for ref in self.some("coupon", 1)]


type Params = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """One call: how often it is made, on which kind of object, in which statuses, with which parameters.

    `path` is what else of the path is not its object; with `revives` it is made on what is deleted.
    """

    weight: float
    method: str
    pattern: str
    on: str
    params: Callable[[Scene], Params] = lambda _: {}
    statuses: tuple[str, ...] = ()
    parameter: str | None = None
    path: Mapping[str, str] = field(default_factory=dict)
    revives: bool = False

    def fits(self, state: Json | None) -> bool:
        """Return whether Stripe is likely to take the call on an object in this state, None if it is gone."""
        if state is None or self.revives:
            return state is None and self.revives
        return not self.statuses or state.get("status") in self.statuses
