"""`python -m bench [--rows a,b] [--quick] [--million] [--json FILE]`; row e only by name or with PEERS=1."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from pathlib import Path

from bench.harness import Run
from bench.machine import describe
from bench.report import table
from bench.rows import ROWS

_PROJECT = Path(__file__).parents[1]


def main(arguments: list[str] | None = None) -> None:
    """Measure the rows and print them; the same goes to a JSON file."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    usual = ",".join(row for row in ROWS if row != "e" or os.environ.get("PEERS") == "1")
    parser.add_argument("--rows", default=usual, help="letters of docs/benchmarks.md, with commas")
    parser.add_argument("--quick", action="store_true", help="sizes that only show that it runs")
    parser.add_argument("--million", action="store_true", help="row b with 1,000,000 invoices as well")
    parser.add_argument("--json", type=Path, help="where the results go (default: .local/bench/results.json)")
    asked = parser.parse_args(arguments)
    rows = asked.rows.split(",")
    if unknown := set(rows) - set(ROWS):
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    kept = Path(os.environ.get("BILLING_BENCH_DIR", _PROJECT / ".local" / "bench"))
    kept.mkdir(parents=True, exist_ok=True)
    machine = describe(_PROJECT)
    print(" · ".join(f"{name} {value}" for name, value in machine.items()), flush=True)
    scratch = Path(tempfile.mkdtemp(prefix="run-", dir=kept))
    try:
        scratch.chmod(0o755)  # PostgreSQL's account must get through; what is private in there says so itself
        run = Run(
            _PROJECT, kept, scratch, asked.quick, asked.million, lambda said: print(f"… {said}", flush=True)
        )
        results = [result for row in rows for result in ROWS[row](run)]
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    machine["load_after"] = [round(load, 2) for load in os.getloadavg()]
    for missing in run.missing:
        print(f"not measured: {missing}")
    print(f"\n{table(results)}\n\nload: {machine['load_before']} before, {machine['load_after']} after")
    target = asked.json or kept / "results.json"
    found = {
        "machine": machine,
        "quick": asked.quick,
        "missing": run.missing,
        "results": [result.as_json() for result in results],
    }
    target.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"as JSON: {target}")


if __name__ == "__main__":
    main()
