"""How an object without children is written to PostgreSQL: a column for each field of its dataclass."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any

from billing.adapters.postgres.codec import minor
from billing.domain.money import Money

if TYPE_CHECKING:
    from billing.adapters.postgres.codec import Json


def plain_state(snapshot: Any) -> Json:
    """Return the state that the object's apply function writes.

    Instants and decimals become texts, which the database reads exactly; money becomes minor units of the
    row's currency; a tuple becomes a list, of objects if it is one of dataclasses.

    Raises
    ------
    ValueError
        An amount is not of the row's currency.
    """
    return _members(snapshot, getattr(snapshot, "currency", None))


def _members(value: Any, currency: str | None) -> Json:
    return {each.name: _json(getattr(value, each.name), currency) for each in fields(value)}


def _json(value: Any, currency: str | None) -> Any:
    match value:
        case Enum():
            told: Any = value.value
        case None | bool() | int() | str():
            told = value
        case datetime():
            told = value.isoformat()
        case Money():
            told = minor(value, currency or "no currency")
        case Decimal():
            told = f"{value:f}"
        case tuple():
            told = [_json(each, currency) for each in value]
        case _ if is_dataclass(value):
            told = _members(value, currency)
        case _:
            raise TypeError(f"{type(value).__name__} has no place in a row")
    return told
