"""The rows of the bench, by letter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.rows import backfill, clickhouse, documents, events, listing, metering, peers, start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bench.harness import Result, Run

ROWS: Mapping[str, Callable[[Run], Iterator[Result]]] = {
    "a": events.measure,
    "b": listing.measure,
    "c": documents.measure,
    "d": start.measure,
    "e": peers.measure,
    "f": backfill.measure,
    "g": metering.measure,
    "h": clickhouse.measure,
}
