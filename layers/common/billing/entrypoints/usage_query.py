"""What callers may ask of the history of their usage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.domain.usage import Grain
from billing.entrypoints.parameters import Fields, RefusedError, time
from billing.use_cases.get_usage_history import HistoryQuery

if TYPE_CHECKING:
    from billing.entrypoints.http import Request


def history_query(request: Request) -> HistoryQuery:
    """Return what the caller of GET usage/history asks for.

    Raises
    ------
    InvalidParametersError
        A parameter is unknown, repeated or malformed, or there is no meter.
    """
    fields = Fields(request.raw_query, {"meter", "from", "to", "granularity", "group_by"})
    meter = fields.require("meter", str)
    start = fields.read("from", time)
    end = fields.read("to", time)
    grain = fields.read("granularity", _grain)
    group_by = fields.read("group_by", str)
    fields.check()
    return HistoryQuery(meter or "", start, end, grain or Grain.DAY, group_by)


def _grain(text: str) -> Grain:
    try:
        return Grain(text)
    except ValueError:
        raise RefusedError(f"must be one of {', '.join(Grain)}") from None
