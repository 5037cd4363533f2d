"""The bench: what follows from its numbers, and that every row runs and names its floor."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bench.__main__ import main
from bench.harness import Result, Target, interleaved
from bench.report import table
from bench.rows import ROWS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize(
    ("target", "measured", "reached"),
    [
        (Target("ratio", 1.5), 3.0, True),
        (Target("ratio", 1.5), 3.1, False),
        (Target("over", 3), 5.0, True),
        (Target("over", 3), 5.1, False),
        (Target("absolute", 4), 4.0, True),
        (Target("absolute", 4), 4.1, False),
        (None, 4.0, None),
    ],
)
def test_a_target_is_an_upper_bound(target: Target | None, measured: float, reached: bool | None) -> None:
    """Given a floor of 2, when measured at a target's bound and over it, then it is reached and missed."""
    assert Result("x", "case", "ms", measured, 2.0, "the floor", target).reached is reached


def test_the_median_of_every_piece_of_work_is_taken_in_turns() -> None:
    """Given two pieces of work, when three rounds are run, then they alternate and the medians come."""
    order: list[str] = []

    def work(name: str, values: list[float]) -> Callable[[], float]:
        def once() -> float:
            order.append(name)
            return values.pop()

        return once

    assert interleaved(3, {"a": work("a", [9, 1, 2]), "b": work("b", [5, 5, 5])}) == {"a": 2, "b": 5}
    assert order == ["a", "b", "b", "a", "a", "b"]


def test_the_table_shows_ratio_distance_and_what_is_missed() -> None:
    """Given a result over its target, when shown, then ratio, distance, target and NO stand in its row."""
    shown = table([Result("a", "case", "ms", 3.0, 1.5, "bare SQL", Target("ratio", 1.6))])
    cells = [cell.strip() for cell in shown.splitlines()[2].strip("|").split("|")]
    assert cells == ["a", "case", "3.00 ms", "1.50 ms", "2.00", "+1.50", "≤ 1.6 x", "NO", "bare SQL"]


@pytest.mark.parametrize("row", [row for row in ROWS if row != "e"])  # e needs npm: test_bench_peers.py
def test_every_row_runs_and_names_its_floor(
    row: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Given sizes too small to mean anything, when a row is run, then every result has its floor's name."""
    monkeypatch.setenv("BILLING_BENCH_DIR", str(request.config.cache.mkdir("bench")))
    found = tmp_path / "results.json"
    main(["--rows", row, "--quick", "--json", str(found)])
    said = json.loads(found.read_text())
    assert said["machine"]["cores"] > 0
    assert {result["row"] for result in said["results"]} == {row}
    assert all(result["floor_is"] and result["measured"] > 0 for result in said["results"])


def test_an_unknown_row_is_refused() -> None:
    """Given a row that does not exist, when asked for, then the bench does not begin."""
    with pytest.raises(SystemExit, match="2"):
        main(["--rows", "z"])
