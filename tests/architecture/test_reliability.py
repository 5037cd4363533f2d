"""docs/reliability.md names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PAGE = (PROJECT / "docs/reliability.md").read_text()
ROWS = dict(re.findall(r"^\| (\d+) \|(.+)\|$", PAGE.partition("## The simulation")[0], re.MULTILINE))
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))
SEARCHED = [*range(1, 17), *range(22, 28), 29]
"""Lines of the design page that this system is far enough to hold."""


def test_every_line_is_in_the_table() -> None:
    """Given the lines of what must hold so far, when the table is read, then each has its row."""
    assert [int(number) for number in ROWS] == SEARCHED


@pytest.mark.parametrize("number", ROWS)
def test_a_line_names_its_test_or_says_that_it_has_none(number: str) -> None:
    """Given a row of the table, when it is read, then it names a test, or says that there is none."""
    assert re.search(r"`tests/[\w/]+\.py::\w+`", ROWS[number]) or "No test" in ROWS[number]


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_named_test_exists(path: str, name: str) -> None:
    """Given a test that the page names, when its file is read, then the test is there."""
    assert re.search(rf"^def {name}\(", (PROJECT / path).read_text(), re.MULTILINE)
