"""`python -m bench [--rows a,b] [--quick] [--million] [--json FILE] [--write-docs]`.

Row e runs where it is named, or with PEERS=1 in the environment.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.documentation import write
from bench.harness import Run
from bench.machine import describe
from bench.report import table
from bench.rows import ROWS

if TYPE_CHECKING:
    from bench.harness import Result

_PROJECT = Path(__file__).parents[1]


def main(arguments: list[str] | None = None) -> None:
    """Measure the rows and print them; the same goes to a JSON file, row by row as they are done."""
    asked = _asked(arguments)
    kept = Path(os.environ.get("BILLING_BENCH_DIR", _PROJECT / ".local" / "bench"))
    kept.mkdir(parents=True, exist_ok=True)
    target = asked.json or kept / "results.json"
    done: dict[str, Any] = {}
    results: list[Result] = []
    scratch = Path(tempfile.mkdtemp(prefix="run-", dir=kept))
    try:
        scratch.chmod(0o755)  # PostgreSQL's account must get through; what is private in there says so itself
        for row in asked.rows.split(","):
            run = Run(_PROJECT, kept, scratch, asked.quick, asked.million, _say)
            machine = describe(_PROJECT)
            _say(f"row {row}: " + " · ".join(f"{name} {value}" for name, value in machine.items()))
            found = list(ROWS[row](run))
            machine["load_after"] = [round(load, 2) for load in os.getloadavg()]
            results += found
            done[row] = {
                "machine": machine,
                "missing": run.missing,
                "results": [result.as_json() for result in found],
            }
            said = {"quick": asked.quick, "rows": done}
            target.write_text(json.dumps(said, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
            if asked.write_docs:
                write(_PROJECT / "docs", done)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    for one in done.values():
        for missing in one["missing"]:
            print(f"not measured: {missing}")
    print(f"\n{table(results)}\n\nas JSON: {target}")


def _asked(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    usual = ",".join(row for row in ROWS if row != "e" or os.environ.get("PEERS") == "1")
    parser.add_argument("--rows", default=usual, help="letters of docs/benchmarks.md, with commas")
    parser.add_argument("--quick", action="store_true", help="sizes that only show that it runs")
    parser.add_argument("--million", action="store_true", help="row b with 1,000,000 invoices as well")
    parser.add_argument("--json", type=Path, help="where the results go (default: .local/bench/results.json)")
    parser.add_argument("--write-docs", action="store_true", help="put these rows into docs/benchmarks.*")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.rows.split(",")) - set(ROWS):
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    if asked.quick and asked.write_docs:
        parser.error("--quick measures nothing that is worth writing down")
    return asked


def _say(said: str) -> None:
    print(f"… {said}", flush=True)


if __name__ == "__main__":
    main()
