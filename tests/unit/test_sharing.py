"""How the tests of this project are shared among workers, tried on a project of a few tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]

TESTS = """
import os, pathlib, pytest
@pytest.mark.parametrize("number", range({}))
def test_it(number):
    with pathlib.Path("told").open("a") as told:
        print(os.environ["PYTEST_XDIST_WORKER"], __file__, file=told)
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Return which files each of two workers had the tests of, in order."""
    root = tmp_path_factory.mktemp("project")
    (root / "pytest.ini").touch()
    for file, tests in {
        "unit/test_many": 20,
        "architecture/test_few": 3,
        "simulation/test_long": 3,
        "end_to_end/test_one": 2,
        "end_to_end/test_two": 5,
    }.items():
        path = root / "tests" / f"{file}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TESTS.format(tests))
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-m", "pytest", "-p", "tests.fixtures.sharing", "-p", "no:cacheprovider"]
    ran = subprocess.run(  # noqa: S603 - ours
        [*command, "-n", "2", "--dist", "loadfile"],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found: dict[str, list[str]] = {}
    for line in (root / "told").read_text().splitlines():
        worker, file = line.split(" ")
        found.setdefault(worker, []).append(str(Path(file).relative_to(root / "tests")))
    return found


def test_the_longest_begin_first_and_apart(told: dict[str, list[str]]) -> None:
    """Given two workers, when they begin, then one has the cloud's files and one the simulation's."""
    firsts = sorted(files[0].partition("/")[0] for files in told.values())
    assert firsts == ["end_to_end", "simulation"]


def test_who_has_a_file_has_all_of_it(told: dict[str, list[str]]) -> None:
    """Given files of several tests, when all have run, then no file was on two workers."""
    one, another = map(set, told.values())
    assert not one & another
    assert len(one | another) == 5


def test_one_worker_has_all_that_need_the_cloud(told: dict[str, list[str]]) -> None:
    """Given two files that need the cloud, when all have run, then both were on one worker."""
    having = [worker for worker, files in told.items() if any(f.startswith("end_to_end/") for f in files)]
    assert len(having) == 1
