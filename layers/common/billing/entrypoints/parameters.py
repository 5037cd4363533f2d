"""What callers may ask, read strictly: what is not understood is refused by name, never ignored."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from billing.domain.errors import InvalidParameterError, NotFoundError
from billing.entrypoints.problems import InvalidParametersError

if TYPE_CHECKING:
    from collections.abc import Callable

    from billing.entrypoints.http import Request

_MOST_FIELDS = 50
_LONGEST_NAME = 40

STRIPE_ID = re.compile(r"[A-Za-z0-9_]{1,255}", re.ASCII)
"""The ids that Stripe gives."""

# RFC 3339, section 5.6; the offset is not optional.
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,18}))?([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII
)
_MICROSECOND_DIGITS = 6


class RefusedError(Exception):
    """Why a value is refused."""


def time(text: str) -> datetime:
    """Return the instant in UTC, rounded up to whole microseconds.

    Rounding up is exact for both bounds of a span: what is compared has at most microseconds, and of
    those the same are at or after the rounded bound as are at or after the bound itself.

    Raises
    ------
    RefusedError
        It is no time of RFC 3339 with an offset.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        raise RefusedError("must be a time of RFC 3339 with its offset, such as 2025-01-31T00:00:00Z")
    day, clock, fraction, offset = match.groups("")
    digits, excess = fraction[:_MICROSECOND_DIGITS], fraction[_MICROSECOND_DIGITS:]
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}.{digits or '0'}{offset.upper()}")
        return moment.astimezone(UTC) + timedelta(microseconds=1 if excess.strip("0") else 0)
    except (ValueError, OverflowError):
        raise RefusedError("is not a day and time of the calendar") from None


def no_parameters(request: Request) -> None:
    """Return when the query is empty.

    Raises
    ------
    InvalidParametersError
        There is a parameter; this route takes none.
    """
    Fields(request.raw_query, set()).check()


def invoice_id(request: Request) -> str:
    """Return the invoice id of the path.

    Raises
    ------
    NotFoundError
        No invoice can have this id.
    """
    return _path_id(request, "invoice")


def credit_note_id(request: Request) -> str:
    """Return the credit note id of the path.

    Raises
    ------
    NotFoundError
        No credit note can have this id.
    """
    return _path_id(request, "credit note")


def _path_id(request: Request, what: str) -> str:
    found = request.path.get("id", "")
    if STRIPE_ID.fullmatch(found) is None:
        raise NotFoundError(f"There is no such {what}.")
    return found


class Fields:
    """The fields of one query string, and what is wrong with them.

    It reads the raw string: API Gateway joins repeated parameters with commas, so a repetition
    is not to be told from a value with a comma in queryStringParameters.
    """

    def __init__(self, raw: str, known: set[str]) -> None:
        self._errors: list[InvalidParameterError] = []
        self._values: dict[str, str] = {}
        repeated: set[str] = set()
        for name, value in self._pairs(raw):
            if name not in known:
                self.refuse(_shown(name), "is not a parameter of this request")
            elif name in self._values:
                repeated.add(name)
            self._values[name] = value
        for name in sorted(repeated):
            self.refuse(name, "is given more than once")
            del self._values[name]

    def read[T](self, name: str, parse: Callable[[str], T]) -> T | None:
        """Return the parsed value, None when it is not given or refused."""
        if name not in self._values:
            return None
        try:
            return parse(self._values[name])
        except RefusedError as refused:
            self.refuse(name, str(refused))
            return None

    def require[T](self, name: str, parse: Callable[[str], T]) -> T | None:
        """Return the parsed value; that it is not given is refused."""
        value = self.read(name, parse)
        if value is None and all(error.field != name for error in self._errors):
            self.refuse(name, "is missing")
        return value

    def refuse(self, name: str, reason: str) -> None:
        """Note what is wrong with a field."""
        self._errors.append(InvalidParameterError(name, reason))

    def check(self) -> None:
        """Raise what was refused, if anything was."""
        if self._errors:
            raise InvalidParametersError(self._errors)

    def _pairs(self, raw: str) -> list[tuple[str, str]]:
        try:
            return parse_qsl(raw, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
        except ValueError:  # not UTF-8 below the percent signs, or too many fields
            self.refuse("query", "is not a query string that can be read")
            return []


def _shown(name: str) -> str:
    """Return an unknown parameter's name, short and printable: it is the caller's own text."""
    return "".join(letter if letter.isprintable() else "?" for letter in name[:_LONGEST_NAME])
