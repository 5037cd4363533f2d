"""Reads JSON of Stripe strictly: what is not there, or is not what it should be, is said, never guessed.

Stripe sends a member that has no value as null. So a member that is absent is a sign of another
shape, and null is accepted only where the caller says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from billing.domain.money import Money
from billing.domain.periods import Period, instant

if TYPE_CHECKING:
    from collections.abc import Mapping
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

_ABSENT = object()


class UnreadableError(Exception):
    """A member is missing or not what it should be; says where and what, never the value."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")


# Not frozen, which would make one twice as dear: an invoice has forty of them.
@dataclass(slots=True)
class Node:
    """A JSON object and where it stands; every reader raises UnreadableError with the member's path.

    `name` is what its `parent` calls it, or where it has none what it is. The `optional_` readers accept
    null, none accepts absence (but for `has`). Each looks for what is nearly always there first, and only
    then for what is wrong.
    """

    name: str
    members: Mapping[str, object]
    parent: Node | None = None

    @property
    def path(self) -> str:
        """Where it stands, such as invoice.lines.data[0]."""
        return self.name if self.parent is None else self.parent.path_to(self.name)

    def path_to(self, name: str) -> str:
        """Return where the member of this name stands."""
        return f"{self.path}{name}" if name.startswith("[") else f"{self.path}.{name}"

    def has(self, name: str) -> bool:
        """Return whether the member is there and not null."""
        return self.members.get(name) is not None

    def text(self, name: str) -> str:
        """Return a text that a database can hold."""
        value = self.members.get(name)
        # Nearly every text is printable, which is told sooner than what the pattern looks for.
        if type(value) is str and value.isprintable():
            return value
        value = self._value(name)
        if not isinstance(value, str):
            raise self._error(name, "not a text")
        if _UNSTORABLE.search(value):
            raise self._error(name, "holds a character that cannot be stored")
        return value

    def optional_text(self, name: str) -> str | None:
        """Return a text, or None for null."""
        value = self.members.get(name, _ABSENT)
        if value is None or (type(value) is str and value.isprintable()):
            return value
        return self.text(name)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts; null is the empty list."""
        values = {f"[{n}]": value for n, value in enumerate(self._list(name))}
        numbered = Node(name, values, self)
        return tuple(numbered.text(index) for index in values)

    def integer(self, name: str) -> int:
        """Return a whole number; a float or a bool is not one."""
        value = self.members.get(name)
        if type(value) is int and -_LARGEST <= value <= _LARGEST:
            return value
        if type(self._value(name)) is not int:
            raise self._error(name, "not an integer")
        raise self._error(name, "out of range")

    def optional_integer(self, name: str) -> int | None:
        """Return a whole number, or None for null."""
        return None if self._is_null(name) else self.integer(name)

    def flag(self, name: str) -> bool:
        """Return a bool."""
        value = self.members.get(name)
        if isinstance(value, bool):
            return value
        self._value(name)
        raise self._error(name, "not a boolean")

    def optional_flag(self, name: str) -> bool | None:
        """Return a bool, or None for null."""
        return None if self._is_null(name) else self.flag(name)

    def decimal(self, name: str) -> Decimal:
        """Return an exact decimal that Stripe writes as a text, with at most 12 places."""
        value = self._value(name)
        if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
            raise self._error(name, "not a decimal in a text")
        return Decimal(value)

    def optional_decimal(self, name: str) -> Decimal | None:
        """Return an exact decimal, or None for null."""
        return None if self._is_null(name) else self.decimal(name)

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
        return None if self._is_null(name) else self.percentage(name)

    def instant(self, name: str) -> datetime:
        """Return the UTC instant of a Unix time."""
        seconds = self.integer(name)
        if not 0 <= seconds <= _LAST_SECOND:
            raise self._error(name, "out of range")
        return instant(seconds)

    def optional_instant(self, name: str) -> datetime | None:
        """Return the UTC instant of a Unix time, or None for null."""
        return None if self._is_null(name) else self.instant(name)

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
        return None if self._is_null(name) else Money(self.integer(name), currency)

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
        value = self.members.get(name)
        if isinstance(value, dict):
            return Node(name, value, self)
        self._value(name)
        raise self._error(name, "not an object")

    def optional_node(self, name: str) -> Node | None:
        """Return a JSON object, or None for null."""
        return None if self._is_null(name) else self.node(name)

    def nodes(self, name: str) -> tuple[Node, ...]:
        """Return a list of JSON objects; null is the empty list."""
        values = self._list(name)
        return tuple([self._element(name, n, value) for n, value in enumerate(values)]) if values else ()

    def reference(self, name: str) -> str:
        """Return the id of an expandable member: Stripe sends the id, or the whole object when asked."""
        value = self.members.get(name)
        if isinstance(value, str):
            return value if value.isprintable() else self.text(name)
        return self.node(name).text("id")

    def optional_reference(self, name: str) -> str | None:
        """Return the id of an expandable member, or None for null."""
        return None if self._is_null(name) else self.reference(name)

    def expect(self, name: str, value: str) -> None:
        """Check that a text is this one."""
        if self.members.get(name) != value and self.text(name) != value:
            raise self._error(name, f"not {value}")

    def _is_null(self, name: str) -> bool:
        # Absence is not null: the reader that then looks for a value says so.
        return self.members.get(name, _ABSENT) is None

    def _value(self, name: str) -> object:
        value = self.members.get(name)
        if value is None:
            raise self._error(name, "null" if name in self.members else "missing")
        return value

    def _list(self, name: str) -> list[object]:
        value = self.members.get(name, _ABSENT)
        if isinstance(value, list):
            return value
        if value is None:
            return []
        self._value(name)
        raise self._error(name, "not a list")

    def _element(self, name: str, number: int, value: object) -> Node:
        if isinstance(value, dict):
            return Node(f"{name}[{number}]", value, self)
        raise self._error(f"{name}[{number}]", "not an object")

    def _error(self, name: str, reason: str) -> UnreadableError:
        return UnreadableError(self.path_to(name), reason)
