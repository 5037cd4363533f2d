"""What an endpoint takes: small typed readers of decoded parameters, with Stripe's refusals."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Protocol

from local.stripe_standin.errors import StripeError, missing_param, unknown_param

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.stripe_standin.forms import Value


class Param(Protocol):
    """Reads one parameter."""

    def read(self, value: Value, name: str) -> Any:
        """Return the typed value, or raise StripeError naming the parameter."""
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """A string; the empty string unsets it (None)."""

    max_length: int = 5000

    def read(self, value: Value, name: str) -> str | None:
        """Return the text, None to unset."""
        if not isinstance(value, str):
            raise StripeError(f"Invalid string: {name} must be a string", param=name)
        if len(value) > self.max_length:
            raise StripeError(
                f"Invalid string: {name} must be at most {self.max_length} characters",
                code="parameter_invalid_string_length",
                param=name,
            )
        return value or None


@dataclass(frozen=True, slots=True)
class Integer:
    """An integer, Unix times among them."""

    minimum: int | None = None
    maximum: int | None = None

    def read(self, value: Value, name: str) -> int:
        """Return the integer."""
        try:
            number = int(value) if isinstance(value, str) else None
        except ValueError:
            number = None
        if number is None:
            raise StripeError(f"Invalid integer: {value}", code="parameter_invalid_integer", param=name)
        low = self.minimum is not None and number < self.minimum
        high = self.maximum is not None and number > self.maximum
        if low or high:
            bound = f"at least {self.minimum}" if low else f"at most {self.maximum}"
            raise StripeError(
                f"Invalid integer: {name} must be {bound}", code="parameter_invalid_integer", param=name
            )
        return number


@dataclass(frozen=True, slots=True)
class Number:
    """A decimal number."""

    def read(self, value: Value, name: str) -> Decimal:
        """Return the exact decimal."""
        try:
            number = Decimal(value) if isinstance(value, str) else None
        except InvalidOperation:
            number = None
        if number is None or not number.is_finite():
            raise StripeError(f"Invalid decimal: {value}", param=name)
        return number


@dataclass(frozen=True, slots=True)
class Boolean:
    """`true` or `false`."""

    def read(self, value: Value, name: str) -> bool:
        """Return the truth value."""
        if value not in {"true", "false"}:
            raise StripeError(f"Invalid boolean: {value}", param=name)
        return value == "true"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words."""

    options: tuple[str, ...]

    def read(self, value: Value, name: str) -> str:
        """Return the word."""
        if not isinstance(value, str) or value not in self.options:
            raise StripeError(f"Invalid {name}: must be one of {', '.join(self.options)}", param=name)
        return value


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list; the empty string is the empty list."""

    item: Param

    def read(self, value: Value, name: str) -> list[Any]:
        """Return the list."""
        if value == "":
            return []
        if not isinstance(value, dict) or not all(key.isdecimal() for key in value):
            raise StripeError("Invalid array", param=name)
        return [self.item.read(value[key], f"{name}[{key}]") for key in sorted(value, key=int)]


@dataclass(frozen=True, slots=True)
class Keyed:
    """Free keys with text values (metadata); the empty string clears, an empty value removes its key."""

    def read(self, value: Value, name: str) -> dict[str, str] | None:
        """Return the keys as given, None to clear."""
        if value == "":
            return None
        if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
            raise StripeError("Invalid object", param=name)
        return {key: str(item) for key, item in value.items()}


@dataclass(frozen=True, slots=True)
class Shape:
    """Named parameters, some required; with `clearable`, the empty string unsets the whole (None)."""

    fields: Mapping[str, Param] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    clearable: bool = False

    def read(self, value: Value, name: str) -> dict[str, Any] | None:
        """Return what was given, typed; nothing is filled in."""
        if self.clearable and value == "":
            return None
        if not isinstance(value, dict):
            raise StripeError("Invalid object", param=name)
        return self.read_all(value, name)

    def read_all(self, values: Mapping[str, Value], name: str = "") -> dict[str, Any]:
        """Return what was given, typed, of a whole request (`name` empty) or of a nested object."""

        def full(key: str) -> str:
            return f"{name}[{key}]" if name else key

        for key in values:
            if key not in self.fields:
                raise unknown_param(full(key))
        for key in self.required:
            if values.get(key, "") == "":
                raise missing_param(full(key))
        return {key: self.fields[key].read(value, full(key)) for key, value in values.items()}


@dataclass(frozen=True, slots=True)
class Either:
    """A plain value or a shape, as `created` and `created[gte]`."""

    plain: Param
    shape: Shape

    def read(self, value: Value, name: str) -> Any:
        """Return whichever was given."""
        return (self.shape if isinstance(value, dict) else self.plain).read(value, name)


EXPAND = ListOf(Text())
METADATA = Keyed()
CURRENCY = Text(3)
TIME_RANGE = Either(Integer(), Shape({key: Integer() for key in ("gt", "gte", "lt", "lte")}))
ADDRESS = Shape(
    {key: Text() for key in ("city", "country", "line1", "line2", "postal_code", "state")}, clearable=True
)
PAGE: dict[str, Param] = {
    "limit": Integer(1, 100),
    "starting_after": Text(),
    "ending_before": Text(),
}


def merged_metadata(old: dict[str, str], new: dict[str, str] | None) -> dict[str, str]:
    """Return metadata after an update: keys merge, an empty value removes its key, None clears."""
    if new is None:
        return {}
    return {key: value for key, value in {**old, **new}.items() if value != ""}
