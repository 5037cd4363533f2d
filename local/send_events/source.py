"""Reads the recorded events in the order in which they happened."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.problems import LocalCloudError

if TYPE_CHECKING:
    from pathlib import Path

type Json = dict[str, Any]

ORIGIN = "real-normalised"
"""The rows of the index that are real sequences of events, complete and in order."""

_LISTING = re.compile(r"(?P<sequence>.*)--Event\.list\.(?P<number>\d+)\.json")


@dataclass(frozen=True, slots=True)
class Recorded:
    """One event as it was recorded; `sequence` names the recording that it belongs to."""

    sequence: str
    event: Json


def read_events(folder: Path, repository: str | None = None) -> list[Recorded]:
    """Return the real event sequences of the folder, each in its real order, one after the other.

    A recording is a run of list answers, numbered in time, and Stripe lists the newest event first:
    so the order is by number, and backwards within one answer.

    Raises
    ------
    LocalCloudError
        There is no index, or nothing in it is of that repository.
    """
    index = folder / "index.tsv"
    try:
        with index.open(encoding="utf-8", newline="") as lines:
            rows = [row for row in csv.DictReader(lines, delimiter="\t") if row["origin"] == ORIGIN]
    except OSError as error:
        raise LocalCloudError(f"no recorded events: cannot read {index} ({error.strerror})") from error
    known = sorted({row["repo"] for row in rows})
    if repository is not None:
        rows = [row for row in rows if repository in {row["repo"], row["repo"].partition("/")[0]}]
    if not rows:
        raise LocalCloudError(
            f"no recorded sequences of {repository or ORIGIN}; there are: {', '.join(known)}"
        )
    placed = sorted((_place(row, position), row["file"]) for position, row in enumerate(rows))
    return [Recorded(place[0], json.loads((folder / file).read_bytes())) for place, file in placed]


def _place(row: dict[str, str], position: int) -> tuple[str, int, int]:
    listing = _LISTING.fullmatch(row["path"])
    if listing is None:
        return row["path"], 0, position
    return listing["sequence"], int(listing["number"]), -position
