"""docs/benchmarks.md: the text is people's, what stands between its marks is written by `--write-docs`.

docs/benchmarks.json keeps the last run of every row, so that a test can tell that no number was typed.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from bench.harness import Result
from bench.report import table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_MARKED = re.compile(r"(<!-- row ([a-z]) -->\n).*?(<!-- end -->)", re.DOTALL)


def write(folder: Path, rows: Mapping[str, Any]) -> None:
    """Put these rows into benchmarks.json of the folder, and all that it then has into benchmarks.md."""
    numbers, text = folder / "benchmarks.json", folder / "benchmarks.md"
    kept: dict[str, Any] = json.loads(numbers.read_text(encoding="utf-8")) if numbers.exists() else {}
    kept |= rows
    written = json.dumps(dict(sorted(kept.items())), indent=1, ensure_ascii=False)
    numbers.write_text(f"{written}\n", encoding="utf-8")
    text.write_text(filled(text.read_text(encoding="utf-8"), kept), encoding="utf-8")


def filled(text: str, rows: Mapping[str, Any]) -> str:
    """Return the text with each row's run and table between its marks; a row that never ran has nothing."""

    def block(match: re.Match[str]) -> str:
        row = rows.get(match[2])
        return f"{match[1]}{'' if row is None else _block(row)}{match[3]}"

    return _MARKED.sub(block, text)


def _block(row: Mapping[str, Any]) -> str:
    machine = row["machine"]
    state = f"commit {machine['commit']}"
    if machine["changed_files"]:
        state += f" and {machine['changed_files']} changed files"
    facts = [
        machine["at"].replace("+00:00", "Z"),
        state,
        f"{machine['cores']} cores of {machine['cpu']}",
        machine["system"],
        f"Python {machine['python']}",
        f"PostgreSQL {machine['postgresql']}",
        f"Node {machine['node'] or 'absent'}",
        f"load {machine['load_before'][0]} before and {machine['load_after'][0]} after",
    ]
    lines = [" · ".join(facts), *(f"Not measured: {said}" for said in row["missing"])]
    return "\n\n".join([*lines, table([Result.from_json(said) for said in row["results"]])]) + "\n"
