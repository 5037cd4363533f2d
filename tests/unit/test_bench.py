"""The bench: what follows from its numbers, and that every row runs and names its floor."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bench.__main__ import main
from bench.documentation import filled, write
from bench.harness import Result, Run, Target, interleaved
from bench.kept import kept
from bench.report import table
from bench.rows import ROWS
from bench.start_files import FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Callable

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return the settings of a run that keeps things in an empty folder."""
    place = tmp_path / "kept"
    place.mkdir()
    return Run(PROJECT, place, tmp_path, quick=True, million=False, say=lambda _: None)


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
    """Given sizes too small to mean anything, when a row is run, then every floor has its name."""
    monkeypatch.setenv("BILLING_BENCH_DIR", str(request.config.cache.mkdir("bench")))
    found = tmp_path / "results.json"
    main(["--rows", row, "--quick", "--json", str(found)])
    said = json.loads(found.read_text())["rows"]
    assert list(said) == [row]
    assert said[row]["machine"]["cores"] > 0
    assert {result["row"] for result in said[row]["results"]} == {row}
    for result in said[row]["results"]:
        assert result["measured"] > 0
        assert (result["floor"] is None) == (not result["floor_is"])


def test_every_function_is_started() -> None:
    """Given the functions that are deployed, when the row of starts is read, then it has every one."""
    assert set(FUNCTIONS) == {app.parent.name for app in PROJECT.glob("functions/*/app.py")}


def test_what_is_kept_is_built_once_and_again_when_it_changes(run: Run) -> None:
    """Given something that is kept, when it is asked for by digests, then each is built once."""
    built: list[Path] = []

    def build(fresh: Path) -> None:
        built.append(fresh)
        (fresh / "made").touch()

    places = [kept(run, "thing", digest, build) for digest in ("a", "a", "b")]
    assert [place.name for place in places] == ["thing-a", "thing-a", "thing-b"]
    assert len(built) == 2
    assert all((place / "made").exists() for place in places)
    assert {folder.name for folder in run.kept.iterdir()} == {"thing-a", "thing-b"}


def test_what_nobody_used_for_a_day_is_not_kept(run: Run) -> None:
    """Given a kept folder of the day before yesterday, when another is asked for, then it is gone."""
    old = kept(run, "thing", "old", lambda _: None)
    os.utime(old, (0, 0))
    kept(run, "thing", "new", lambda _: None)
    assert not old.exists()


@pytest.mark.parametrize("arguments", [["--rows", "z"], ["--quick", "--write-docs"]], ids=" ".join)
def test_what_makes_no_sense_is_refused(arguments: list[str]) -> None:
    """Given no such row, or quick numbers to keep, when asked for, then the bench does not begin."""
    with pytest.raises(SystemExit, match="2"):
        main(arguments)


def test_the_documentation_says_what_was_measured() -> None:
    """Given the kept results, when the documentation is written from them, then it is what it is."""
    docs = PROJECT / "docs"
    text = (docs / "benchmarks.md").read_text()
    rows = json.loads((docs / "benchmarks.json").read_text())
    assert set(rows) == set(ROWS)
    assert all(f"<!-- row {row} -->" in text for row in ROWS)
    assert filled(text, rows) == text


def test_writing_a_row_leaves_the_others(tmp_path: Path) -> None:
    """Given a page with two rows, when one is measured again, then its table is new, the rest as before."""
    page = "# Numbers\n\n<!-- row a -->\n<!-- end -->\ntext\n<!-- row b -->\n<!-- end -->\n"
    (tmp_path / "benchmarks.md").write_text(page)
    write(tmp_path, {"a": _row("a", 1.0), "b": _row("b", 2.0)})
    write(tmp_path, {"b": _row("b", 3.0)})
    text = (tmp_path / "benchmarks.md").read_text()
    assert "text" in text
    assert ("1.00 ms" in text, "2.00 ms" in text, "3.00 ms" in text) == (True, False, True)
    assert "commit abc and 2 changed files" in text
    assert "Not measured: the moon" in text


def _row(row: str, measured: float) -> dict[str, Any]:
    machine = {
        "at": "2026-11-22T00:00:00+00:00",
        "commit": "abc",
        "changed_files": 2,
        "cores": 2,
        "cpu": "c",
        "system": "s",
        "python": "3",
        "postgresql": "18",
        "node": "",
        "load_before": [0.1],
        "load_after": [0.2],
    }
    result = Result(row, "case", "ms", measured, None, "", Target("absolute", 4))
    return {"machine": machine, "missing": ["the moon"], "results": [result.as_json()]}
