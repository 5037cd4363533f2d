from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from billing.adapters.postgres.mirror_sql import function_of
from billing.adapters.stripe import client
from billing.domain.mirror import NotMirrored, ObjectKind, Outcome, Verdict
from simulation.actions import Ask
from simulation.play import Plan, Theatre
from tests.support.simulation import events_until_failure, function_with, shortest_failure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from billing.domain.mirror import MalformedEvent, Observation, StripeEvent
    from billing.use_cases.mirror_ports import Mirror
    from simulation.server import Server

_PLAN = Plan(seed=4, outages=0.0, fixed={"events": 120, "customers": 2})
"""Small worlds, which are soon made shorter."""

_CROWD = Plan(
    seed=5,
    outages=0.0,
    fixed={
        "events": 50,
        "customers": 1,
        "workers": 5,
        "batch": 1,
        "pause": 1.0,
        "rushes": 0.3,
        "faults": 0.0,
        "dropped": 0.0,
        "repeated": 0.0,
        "window": 10,
        "backlog": 6,
    },
)
"""Worlds in which workers get into each other's way, and nothing mends what they did."""

_BUSY = replace(_CROWD, fixed={**_CROWD.fixed, "workers": 4, "pause": 0.3, "rushes": 0.01})
"""Worlds in which Stripe moves on while its answers are under way."""

_DATABASE_BUGS = {
    "a state of the same second overwrites what stands": (
        "mirror_verdict",
        "(held_as_of < known_as_of)",
        "(held_as_of <= known_as_of)",
    ),
    "a state of the same second is taken for stale": (
        "mirror_verdict",
        "ELSE 'tie'::text",
        "ELSE 'stale'::text",
    ),
    "an older state overwrites a newer one": (
        "mirror_verdict",
        "WHEN (held_as_of > known_as_of) THEN 'stale'::text",
        "WHEN (held_as_of > known_as_of) THEN 'applied'::text",
    ),
    "lines that are gone stay": (
        "apply_invoice",
        "position >= jsonb_array_length(state -> 'lines')",
        "false",
    ),
    "items that are gone stay": (
        "apply_subscription",
        "position >= jsonb_array_length(state -> 'items')",
        "false",
    ),
    "a column is forgotten": ("apply_subscription", "cancel_at = excluded.cancel_at,", ""),
}
"""Function, what is right in it, what is wrong instead."""


@pytest.mark.parametrize("bug", _DATABASE_BUGS)
def test_a_bug_in_the_database_is_found_and_told_in_a_short_history(
    bug: str, simulation_server: Server, theatre: Theatre
) -> None:
    """Given a wrong function of the database, when worlds are played, then one fails and is told shortly."""
    with function_with(simulation_server, *_DATABASE_BUGS[bug]):
        shrunk, told = shortest_failure(theatre, _PLAN, events=4_000)
    assert len(shrunk.result.script.actions) <= 25, told
    assert f"make simulate SEED={_PLAN.seed} WORLD=" in told
    assert "Stripe is asked" in told


def test_a_settled_state_that_is_written_over_a_later_one_is_found(
    simulation_server: Server, theatre: Theatre
) -> None:
    """Given a settlement that does not look at what stands, when one is overtaken, then it shows."""
    look = "(over_revision <> COALESCE(held_revision, (0)::bigint))"
    # A seed that meets it soon: of so many kinds, few settlements are overtaken.
    plan = replace(_BUSY, seed=9)
    with function_with(simulation_server, "mirror_verdict", look, "false"):
        shrunk, told = shortest_failure(theatre, plan, events=6_000)
    assert len(shrunk.result.script.actions) < 100, told


def test_workers_that_do_not_wait_for_each_other_are_found(
    simulation_server: Server, theatre: Theatre
) -> None:
    """Given no lock on the object, when statements run at once, then the one that overtakes is found."""
    lock = "PERFORM pg_advisory_xact_lock(hashtextextended(object, 0));"
    with ExitStack() as stack:
        for kind in ObjectKind:
            stack.enter_context(function_with(simulation_server, function_of(kind), lock, ""))
        # Two statements must meet, which no seed decides: it stops at the first that do.
        _, told = events_until_failure(theatre, _CROWD, events=12_000)
    assert told is not None


class _TwoTransactions:
    """A mirror that records the event first, and writes the state in another transaction."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self.record = mirror.record
        self.standing = mirror.standing
        self.unknown_tax_rates = mirror.unknown_tax_rates
        self.unknown_discounts = mirror.unknown_discounts

    def apply(self, event: StripeEvent, observation: Observation) -> Verdict:
        if self._mirror.record(event, Outcome.APPLIED, None) is Verdict.DUPLICATE:
            return Verdict.DUPLICATE
        (verdict,) = self._mirror.apply_all([(None, observation)])
        return verdict

    def apply_all(self, told: Sequence[tuple[StripeEvent | None, Observation]]) -> Sequence[Verdict]:
        return [
            self._mirror.apply_all([(None, seen)])[0] if event is None else self.apply(event, seen)
            for event, seen in told
        ]

    def settle(self, *given: Any) -> Verdict:
        return self._mirror.settle(*given)


def test_an_event_that_is_recorded_apart_from_its_effect_is_found(simulation_server: Server) -> None:
    """Given two transactions for event and effect, when a worker dies between them, then that is found."""
    theatre = Theatre(simulation_server, lambda mirror: cast("Mirror", _TwoTransactions(mirror)))
    try:
        _, told = shortest_failure(theatre, _PLAN, events=4_000)
    finally:
        theatre.close()
    assert "Stripe is asked" in told


class _EachOnItsOwn:
    """A mirror that acknowledges what it could not write."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror

    def __getattr__(self, name: str) -> Any:
        return getattr(self._mirror, name)

    def record(self, event: StripeEvent | MalformedEvent, outcome: Outcome, reason: str | None) -> Verdict:
        if not isinstance(getattr(event, "content", None), NotMirrored):
            return self._mirror.record(event, outcome, reason)
        return Verdict.APPLIED


def test_an_event_that_is_acknowledged_and_not_kept_is_found(simulation_server: Server) -> None:
    """Given events that change nothing and are not recorded, when worlds are played, then that is found."""
    theatre = Theatre(simulation_server, lambda mirror: cast("Mirror", _EachOnItsOwn(mirror)))
    try:
        shrunk, told = shortest_failure(theatre, _PLAN, events=4_000)
    finally:
        theatre.close()
    assert len(shrunk.result.script.actions) <= 8, told
    assert "is not in the inbox" in told


def test_a_clock_that_runs_ahead_is_found(theatre: Theatre, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given an as_of that forgets how long the answer took, when Stripe moves on, then that is found."""
    right = client._before  # noqa: SLF001 - the place of the bug

    def hasty(headers: Mapping[str, str], elapsed: float) -> datetime:
        del elapsed
        return right(headers, 0.0)

    monkeypatch.setattr(client, "_before", hasty)
    shrunk, told = shortest_failure(theatre, _BUSY, events=6_000)
    assert any(isinstance(action, Ask) for action in shrunk.result.script.actions), told
