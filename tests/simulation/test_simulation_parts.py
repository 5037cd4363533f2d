from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from billing.domain.mirror import ObjectKind
from simulation import run
from simulation.actions import Ask, Deliver, Fault, Ref, Script, Step
from simulation.calls import CALLS
from simulation.kinds import PLACES
from simulation.play import Plan
from simulation.run import Played, simulate
from simulation.shrink import Shrinker
from simulation.stripe import has_route
from simulation.world import Result

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from simulation.play import Theatre

_PROJECT = Path(__file__).parents[2]
_SMALL = Plan(seed=11, outages=1.0, fixed={"events": 150, "faults": 0.3, "rushes": 0.05, "workers": 3})


def test_a_seed_makes_the_same_world_again(theatre: Theatre) -> None:
    """Given a seed, when its world is played twice, then every action and every outcome is the same."""
    first, again = theatre.play(_SMALL, 0), theatre.play(_SMALL, 0)
    assert list(map(str, first.script.actions)) == list(map(str, again.script.actions))
    assert first.script == again.script
    assert first.told == again.told
    assert (first.differences, first.deliveries, first.swept) == (
        again.differences,
        again.deliveries,
        again.swept,
    )


def test_a_script_leads_where_its_world_did(theatre: Theatre) -> None:
    """Given a world that was played, when its script is, then the same events are made and delivered."""
    played = theatre.play(_SMALL, 1)
    again = theatre.replay(played.script)
    assert (again.told, again.deliveries, again.swept) == (played.told, played.deliveries, played.swept)
    assert again.differences == ()


def test_everything_that_can_go_wrong_does(theatre: Theatre) -> None:
    """Given a few worlds full of faults, when they are played, then every kind of fault was among them."""
    counts: Counter[str] = Counter()
    for number in range(4):
        result = theatre.play(_SMALL, number)
        assert result.differences == ()
        counts += result.counts
        assert result.deliveries > result.events * 0.5
    faults = {f"worker {fault}" for fault in Fault if fault is not Fault.NONE}
    assert counts.keys() >= faults | {"rushes", "crashes", "connections cut", "restarts of the database"}


def test_time_versions_and_products_are_in_the_histories(theatre: Theatre) -> None:
    """Given a few worlds, when they are played, then subscriptions renew, and endpoints have old versions."""
    plan = replace(_SMALL, outages=0.0, fixed={**_SMALL.fixed, "old": 1.0, "faults": 0.0})
    asked, told, turned = Counter[str](), Counter[str](), 0
    for number in range(12):
        result = theatre.play(plan, number)
        assert result.differences == ()
        asked += Counter(each.pattern for each in result.script.actions if isinstance(each, Ask))
        told += Counter(said.partition(" of ")[0] for said in result.told.values())
        turned += result.counts["changes of an API version"]
    assert asked["/_standin/subscriptions/{subscription}/renew"] > 0
    assert told.keys() >= {"product.updated", "price.updated", "product.deleted"}
    assert turned >= 6


def test_phases_begin_change_and_end_in_the_histories(theatre: Theatre) -> None:
    """Given a few worlds, when they are played, then schedules begin, go on, are released and completed."""
    plan = replace(_SMALL, outages=0.0, fixed={**_SMALL.fixed, "faults": 0.0})
    turns: set[frozenset[str]] = set()
    for number in range(16):
        result = theatre.play(plan, number)
        assert result.differences == ()
        for each in result.script.actions:
            if isinstance(each, Ask) and each.pattern.endswith("/advance"):
                told = {
                    said.partition(" of ")[0]
                    for name, said in result.told.items()
                    if name.partition(".")[0] == str(each.number)
                }
                turns.add(frozenset(told))
    for turn in (
        {"customer.subscription.created", "invoice.created", "subscription_schedule.updated"},
        {"customer.subscription.updated", "invoice.created", "subscription_schedule.updated"},
        {"customer.subscription.updated", "subscription_schedule.released"},
        {"customer.subscription.deleted", "subscription_schedule.completed"},
    ):
        assert any(told >= turn for told in turns), turn
    assert any("subscription_schedule.expiring" in told for told in turns)


def test_every_kind_is_compared() -> None:
    """Given the mirrored kinds, when the simulation's places are read, then each is among them."""
    assert set(PLACES) >= {kind.value for kind in ObjectKind}


def test_every_call_of_the_histories_is_the_stand_ins() -> None:
    """Given the calls that histories are made of, when the stand-in is asked, then it has each."""
    assert [call.pattern for call in CALLS if not has_route(call.method, call.pattern)] == []


def _ask(number: int, owner: str | None = None, wait: float = 0.5) -> Ask:
    path = {"customer": Ref(f"customer@{number}")}
    return Ask(number, wait, "POST", "/v1/customers/{customer}", path, {}, owner)


def test_a_failure_is_made_as_short_as_it_goes() -> None:
    """Given a script that fails for two of its actions, when it is shrunk, then only these are left."""
    needed = {3, 17}
    actions = [
        each
        for number in range(20)
        for each in (
            _ask(number, f"customer@{number % 4}"),
            Deliver(0, (f"{number}.0", f"{number}.1")),
            Step(0),
        )
    ]

    def play(script: Script) -> Result:
        numbers = {action.number for action in script.actions if isinstance(action, Ask)}
        wrong = ("customer@3 differs",) if needed <= numbers else ()
        idle = frozenset(
            place for place, action in enumerate(script.actions) if isinstance(action, Step) and place % 2
        )
        return Result(script, wrong, 0, 0, 0, Counter(), {}, idle)

    shrunk = Shrinker(play)(Script(1, [*actions]))
    assert shrunk is not None
    left = shrunk.result.script.actions
    assert [action.number for action in left if isinstance(action, Ask)] == sorted(needed)
    assert len(left) == len(needed)
    assert all(action.wait == 0 for action in left if isinstance(action, Ask))


def test_what_ends_well_is_not_called_a_failure() -> None:
    """Given a script that ends well when it is played again, when it is shrunk, then nothing is claimed."""

    def play(script: Script) -> Result:
        return Result(script, (), 0, 0, 0, Counter(), {}, frozenset())

    assert Shrinker(play)(Script(1, [_ask(1)])) is None


def test_shrinking_is_bounded() -> None:
    """Given a script that nothing can be left out of, when ten runs are allowed, then it takes no more."""
    runs = 0

    def play(script: Script) -> Result:
        nonlocal runs
        runs += 1
        wrong = ("differs",) if len(script.actions) == 100 else ()
        return Result(script, wrong, 0, 0, 0, Counter(), {}, frozenset())

    Shrinker(play, runs=10)(Script(1, [_ask(number) for number in range(100)]))
    assert runs == 10


def test_the_command_tells_what_it_did() -> None:
    """Given few events, when the command runs, then it ends well and names seed, rate and commit."""
    command = [sys.executable, "-m", "simulation", "--events", "60", "--seed", "3", "--shards", "1"]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(_PROJECT / "layers/common"), str(_PROJECT))),
    }
    done = subprocess.run(  # noqa: S603 - ours
        command, cwd=_PROJECT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the mirror is Stripe's state" in done.stdout
    assert "seed 3 · commit " in done.stdout
    assert "events/s" in done.stdout


def test_a_difference_is_the_commands_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given a world that fails, when the simulation ends, then its status is 1 and its story is printed."""

    def failing(*_: object) -> Iterator[Played | None]:
        yield None
        yield Played(0, 10, 12, 1, Counter(), 80, "World 7 of seed 1 ends with a mirror that is not Stripe")
        raise AssertionError("nothing is played after a failure")

    monkeypatch.setattr(run, "_all", failing)
    assert simulate(Plan(1), 1_000, 1) == 1
    said = capsys.readouterr().out
    assert "World 7 of seed 1 ends with a mirror that is not Stripe" in said
    assert "the mirror differs from Stripe" in said
