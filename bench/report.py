"""The results as a table for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.harness import Result

_HEAD = ("row", "case", "ours", "floor", "ratio", "over", "target", "reached", "the floor is")


def table(results: Sequence[Result]) -> str:
    """Return a table in Markdown, its columns aligned."""
    rows = [_HEAD, *(_cells(result) for result in results)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
    rule = tuple("-" * width for width in widths)
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in (rows[0], rule, *rows[1:])
    )


def _cells(result: Result) -> tuple[str, ...]:
    floor, ratio, target = result.floor, result.ratio, result.target
    aim = ""
    if target is not None:
        unit = {"ratio": "x", "over": f"{result.unit} over", "absolute": result.unit}[target.kind]
        aim = f"≤ {target.at_most:g} {unit}"
    return (
        result.row,
        result.case,
        f"{_number(result.measured)} {result.unit}",
        "" if floor is None else f"{_number(floor)} {result.unit}",
        "" if ratio is None else f"{ratio:.2f}",
        "" if floor is None else f"{result.measured - floor:+.2f}",
        aim,
        {None: "", True: "yes", False: "NO"}[result.reached],
        result.floor_is,
    )


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 1000 else f"{value:.2f}"  # noqa: PLR2004 - four digits say enough
