"""Bodies of JSON, read without floats: a number stays the digits that were sent."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from billing.domain.usage_events import Number
from billing.entrypoints.problems import BodyTooLargeError, MalformedBodyError, UnsupportedMediaTypeError

if TYPE_CHECKING:
    from billing.entrypoints.http import Request

LARGEST_BODY = 1_048_576
"""Bytes of a request."""

_JSON = re.compile(r"[\w.+-]+/(?:[\w.+-]+\+)?json", re.ASCII)
_LONGEST_NUMBER = 64


@dataclass(frozen=True, slots=True)
class Parsed:
    """A value of JSON, and whether an object in it has a member twice, so that nobody knows which counts."""

    value: object
    repeated: bool


class _Repeated(dict[str, object]):
    """An object that has a member twice."""


def json_body(request: Request) -> object:
    """Return the body of a request, its numbers as Number.

    Raises
    ------
    BodyTooLargeError
        It has more than LARGEST_BODY bytes.
    UnsupportedMediaTypeError
        The Content-Type says that it is something else than JSON.
    MalformedBodyError
        It is no JSON, or an object has a member twice.
    """
    json_media_type(request)
    body = parsed(request.body)
    if body.repeated:
        raise MalformedBodyError("The body has a member twice.")
    return body.value


def json_media_type(request: Request) -> str:
    """Return the media type without its parameters; JSON where nothing is said.

    Raises
    ------
    UnsupportedMediaTypeError
        It is not JSON's.
    """
    content_type = request.headers.get("content-type", "application/json")
    if not is_json(content_type):
        raise UnsupportedMediaTypeError("The Content-Type must be one of JSON's.")
    return _media_type(content_type)


def is_json(content_type: str) -> bool:
    """Return whether it is JSON: a subtype `json`, or one that ends with `+json`."""
    return _JSON.fullmatch(_media_type(content_type)) is not None


def parsed(body: bytes) -> Parsed:
    """Return a body, its numbers as Number.

    Raises
    ------
    BodyTooLargeError
        It has more than LARGEST_BODY bytes.
    MalformedBodyError
        It is no JSON in UTF-8.
    """
    if len(body) > LARGEST_BODY:
        raise BodyTooLargeError(f"The body has more than {LARGEST_BODY} bytes.")
    repeated = False

    def members(pairs: list[tuple[str, object]]) -> dict[str, object]:
        nonlocal repeated
        found = dict(pairs)
        if len(found) == len(pairs):
            return found
        repeated = True
        return _Repeated(found)

    try:
        value: object = json.loads(
            body.decode(),
            object_pairs_hook=members,
            parse_int=Number,
            parse_float=_number,
            parse_constant=_no_constant,
        )
    except (ValueError, RecursionError):
        raise MalformedBodyError("The body is not JSON.") from None
    return Parsed(value, repeated)


def has_repeated(value: object) -> bool:
    """Return whether any object within has a member twice."""
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, _Repeated):
            return True
        if isinstance(each, dict):
            left.extend(each.values())
        elif isinstance(each, list):
            left.extend(each)
    return False


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _no_constant(_: str) -> None:
    raise ValueError("NaN and Infinity are no JSON")


def _number(text: str) -> Number:
    """Return plain digits without needless zeros, where that takes no more than _LONGEST_NUMBER of them."""
    try:
        value = Decimal(text)
    except InvalidOperation:  # an exponent beyond all bounds
        return Number(text)
    if len(text) > _LONGEST_NUMBER or abs(value.adjusted()) > _LONGEST_NUMBER:
        return Number(text)
    digits = f"{value:f}"
    return Number(digits.rstrip("0").rstrip(".") if "." in digits else digits)
