"""A quarter of the 20,000 events of `make test`, in a file of its own: the quarters run in parallel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from billing.adapters.stripe.event_types import SNAPSHOT_TYPES
from billing.domain.mirror import ObjectKind
from simulation.play import Plan
from tests.support.simulation import events_until_failure

if TYPE_CHECKING:
    from simulation.play import Theatre


@pytest.mark.parametrize("seed", [5, 6])
def test_after_any_history_the_mirror_is_stripes_state(theatre: Theatre, seed: int) -> None:
    """Given 2,500 events of every kind, delivered as badly as can be, then the mirror ends as Stripe."""
    made, failure = events_until_failure(theatre, Plan(seed), 2_500)
    assert failure is None, failure
    assert made.total() >= 2_500
    assert {SNAPSHOT_TYPES[what] for what in made if what in SNAPSHOT_TYPES} == set(ObjectKind)
