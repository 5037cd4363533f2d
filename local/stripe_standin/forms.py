"""Form-encoded parameters as Stripe nests them: `items[0][price]=…`, `expand[]=…`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from local.stripe_standin.errors import StripeError

if TYPE_CHECKING:
    from collections.abc import Iterable

type Value = str | dict[str, Value]

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_PART = re.compile(r"\[([^\[\]]*)\]")


def decode(text: str) -> dict[str, Value]:
    """Return the nested parameters of a query string or a form body.

    Raises
    ------
    StripeError
        A name is malformed, or is given both as a value and as a container.
    """
    return nest(parse_qsl(text, keep_blank_values=True, errors="strict"))


def nest(pairs: Iterable[tuple[str, str]]) -> dict[str, Value]:
    """Return `a[b][0]` names as nested dicts; `[]` takes the next number as its key.

    Whether `0, 1, …` are the places of a list or names (metadata may have such) the endpoint knows.
    """
    root: dict[str, Value] = {}
    for name, value in pairs:
        match = _NAME.fullmatch(name)
        if match is None:
            raise StripeError(f"Invalid parameter name: {name}", param=name)
        path = [match[1], *_PART.findall(match[2])]
        _place(root, path, value, name)
    return root


def _place(root: dict[str, Value], path: list[str], value: str, name: str) -> None:
    node = root
    for part, following in zip(path, [*path[1:], None], strict=True):
        key = part or str(len(node))
        if following is None:
            if isinstance(node.get(key), dict):
                raise StripeError(f"Invalid parameter: {name} is given twice, in two forms", param=name)
            node[key] = value
            return
        child = node.setdefault(key, {})
        if not isinstance(child, dict):
            raise StripeError(f"Invalid parameter: {name} is given twice, in two forms", param=name)
        node = child
