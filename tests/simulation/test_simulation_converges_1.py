"""A quarter of the 20,000 events of `make test`, in a file of its own: the quarters run in parallel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from simulation.play import Plan
from tests.support.simulation import events_until_failure

if TYPE_CHECKING:
    from simulation.play import Theatre


@pytest.mark.parametrize("seed", [1, 2])
def test_after_any_history_the_mirror_is_stripes_state(theatre: Theatre, seed: int) -> None:
    """Given 2,500 events, delivered as badly as can be, when all is over, then the mirror is Stripe."""
    made, failure = events_until_failure(theatre, Plan(seed), 2_500)
    assert failure is None, failure
    assert made >= 2_500
