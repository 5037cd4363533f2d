"""Reads JSON of Stripe strictly: what is not there, or is not what it should be, is said, never guessed.

Stripe sends a member that has no value as null. So a member that is absent is a sign of another
shape, and null is accepted only where the caller says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, cast

from billing.domain.money import Money
from billing.domain.periods import Period, instant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from enum import StrEnum

# PostgreSQL's text holds neither NUL nor half a surrogate pair; JSON can carry both.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_CURRENCY = re.compile(r"[a-z]{3}", re.ASCII)
_DECIMAL = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,12})?", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9_.]{1,60}", re.ASCII)

_LARGEST = 10**15
"""Minor units; far above any amount of Stripe (12 digits at most), far below a bigint's end."""

_LARGEST_PERCENTAGE = 10_000

_LAST_SECOND = 253_402_300_799
"""9999-12-31T23:59:59Z, the last instant that Python can hold."""


class UnreadableError(Exception):
    """A member is missing or not what it should be; says where and what, never the value."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")


@dataclass(frozen=True, slots=True)
class Node:
    """A JSON object and where it stands; every reader raises UnreadableError with the member's path.

    The `optional_` readers accept null, none accepts absence (but for `has`).
    """

    path: str
    members: Mapping[str, object]

    def has(self, name: str) -> bool:
        """Return whether the member is there and not null."""
        return self.members.get(name) is not None

    def text(self, name: str) -> str:
        """Return a text that a database can hold."""
        value = self._value(name)
        if not isinstance(value, str):
            raise self._error(name, "not a text")
        # Nearly every text is printable, which is told sooner than what the pattern looks for.
        if not value.isprintable() and _UNSTORABLE.search(value):
            raise self._error(name, "holds a character that cannot be stored")
        return value

    def optional_text(self, name: str) -> str | None:
        """Return a text, or None for null."""
        return self._optional(name, self.text)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts; null is the empty list."""
        values = self._list(name)
        numbered = Node(self._path(name), {f"[{n}]": value for n, value in enumerate(values)})
        return tuple(numbered.text(index) for index in numbered.members)

    def integer(self, name: str) -> int:
        """Return a whole number; a float or a bool is not one."""
        value = self._value(name)
        if type(value) is not int:
            raise self._error(name, "not an integer")
        if abs(value) > _LARGEST:
            raise self._error(name, "out of range")
        return value

    def optional_integer(self, name: str) -> int | None:
        """Return a whole number, or None for null."""
        return self._optional(name, self.integer)

    def flag(self, name: str) -> bool:
        """Return a bool."""
        value = self._value(name)
        if not isinstance(value, bool):
            raise self._error(name, "not a boolean")
        return value

    def optional_flag(self, name: str) -> bool | None:
        """Return a bool, or None for null."""
        return self._optional(name, self.flag)

    def decimal(self, name: str) -> Decimal:
        """Return an exact decimal that Stripe writes as a text, with at most 12 places."""
        value = self._value(name)
        if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
            raise self._error(name, "not a decimal in a text")
        return Decimal(value)

    def optional_decimal(self, name: str) -> Decimal | None:
        """Return an exact decimal, or None for null."""
        return self._optional(name, self.decimal)

    def percentage(self, name: str) -> Decimal:
        """Return a percentage, which Stripe writes as a JSON number with few decimals."""
        value = self._value(name)
        if type(value) not in (int, float):
            raise self._error(name, "not a number")
        # The shortest text of a float is the digits that it was read from.
        number = Decimal(str(value))
        if not number.is_finite() or abs(number) > _LARGEST_PERCENTAGE:
            raise self._error(name, "out of range")
        return number

    def optional_percentage(self, name: str) -> Decimal | None:
        """Return a percentage, or None for null."""
        return self._optional(name, self.percentage)

    def instant(self, name: str) -> datetime:
        """Return the UTC instant of a Unix time."""
        seconds = self.integer(name)
        if not 0 <= seconds <= _LAST_SECOND:
            raise self._error(name, "out of range")
        return instant(seconds)

    def optional_instant(self, name: str) -> datetime | None:
        """Return the UTC instant of a Unix time, or None for null."""
        return self._optional(name, self.instant)

    def period(self, start: str, end: str) -> Period:
        """Return the period between two Unix times."""
        try:
            return Period(self.instant(start), self.instant(end))
        except ValueError:
            raise self._error(end, f"before {start}") from None

    def currency(self, name: str) -> str:
        """Return a lower-case ISO 4217 code."""
        value = self.text(name)
        if not _CURRENCY.fullmatch(value):
            raise self._error(name, "not three lower-case letters")
        return value

    def money(self, name: str, currency: str) -> Money:
        """Return an amount of minor units."""
        return Money(self.integer(name), currency)

    def optional_money(self, name: str, currency: str) -> Money | None:
        """Return an amount of minor units, or None for null."""
        return None if self._value(name, null=True) is None else self.money(name, currency)

    def choice[Choice: StrEnum](self, name: str, among: type[Choice]) -> Choice:
        """Return one of the known values."""
        value = self.text(name)
        try:
            return among(value)
        except ValueError:
            shown = value if _NAME.fullmatch(value) else "an unknown value"
            raise self._error(name, f"{shown} is not known") from None

    def node(self, name: str) -> Node:
        """Return a JSON object."""
        return _node(self._path(name), self._value(name))

    def optional_node(self, name: str) -> Node | None:
        """Return a JSON object, or None for null."""
        return self._optional(name, self.node)

    def nodes(self, name: str) -> tuple[Node, ...]:
        """Return a list of JSON objects; null is the empty list."""
        path = self._path(name)
        return tuple(_node(f"{path}[{n}]", value) for n, value in enumerate(self._list(name)))

    def reference(self, name: str) -> str:
        """Return the id of an expandable member: Stripe sends the id, or the whole object when asked."""
        if isinstance(self._value(name), str):
            return self.text(name)
        return self.node(name).text("id")

    def optional_reference(self, name: str) -> str | None:
        """Return the id of an expandable member, or None for null."""
        return self._optional(name, self.reference)

    def expect(self, name: str, value: str) -> None:
        """Check that a text is this one."""
        if self.text(name) != value:
            raise self._error(name, f"not {value}")

    def _value(self, name: str, *, null: bool = False) -> object:
        try:
            value = self.members[name]
        except KeyError:
            raise self._error(name, "missing") from None
        if value is None and not null:
            raise self._error(name, "null")
        return value

    def _optional[Value](self, name: str, read: Callable[[str], Value]) -> Value | None:
        return None if self._value(name, null=True) is None else read(name)

    def _list(self, name: str) -> list[object]:
        value = self._value(name, null=True)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self._error(name, "not a list")
        return value

    def _path(self, name: str) -> str:
        return f"{self.path}{name}" if name.startswith("[") else f"{self.path}.{name}"

    def _error(self, name: str, reason: str) -> UnreadableError:
        return UnreadableError(self._path(name), reason)


def _node(path: str, value: object) -> Node:
    if not isinstance(value, dict):
        raise UnreadableError(path, "not an object")
    return Node(path, cast("dict[str, object]", value))
