"""Move usage from one store to the other, customer by customer, as far as the time allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from billing.use_cases.usage_ports import UsageMoves


@dataclass(frozen=True, slots=True)
class Moved:
    """What one call moved; `last` is the customer that the next call goes on after."""

    customers: int
    rows: int
    last: str
    finished: bool


@dataclass(frozen=True, slots=True)
class MoveUsage:
    """Moves every customer whose usage is not in the store `to`; the others go on meanwhile."""

    moves: UsageMoves
    to: str

    def __call__(self, after: str, more_time: Callable[[], bool]) -> Moved:
        """Return what was moved, once all are there or `more_time` said no before a customer.

        Raises
        ------
        UnavailableError
            A store does not answer; who was moved stays so, and the customer at hand is where it was.
        """
        customers = rows = 0
        last = after
        while more_time():
            customer = self.moves.next(last, self.to)
            if customer is None:
                return Moved(customers, rows, last, finished=True)
            rows += self.moves.move(customer, self.to)
            customers += 1
            last = customer
        return Moved(customers, rows, last, finished=False)
