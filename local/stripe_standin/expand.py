"""`expand`: ids in an answer replaced by their objects, along dotted paths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.stripe_standin.errors import StripeError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from local.stripe_standin.store import Json

type Known = Callable[[str], Json | None]

_DEEPEST = 4
_TIERS = "tiers"
"""Of a price, shown only to whoever asks for it."""


def expand(answer: Json, paths: Sequence[str], known: Known) -> Json:
    """Return the answer with the object behind every path in place of its id; `known` finds it.

    Raises
    ------
    StripeError
        A path is deeper than four levels, a list's `data` among them, or does not lead to an id.
    """
    shown = answer["data"] if answer.get("object") == "list" else [answer]
    for path in paths:
        parts = path.split(".")
        if parts[-1] == _TIERS:
            continue
        if len(parts) > _DEEPEST:
            raise StripeError(f"You cannot expand more than {_DEEPEST} levels of a property: {path}")
        _expand(answer, parts, path, known)
    for one in shown:
        if one.get("object") == "price" and not {_TIERS, f"data.{_TIERS}"} & set(paths):
            one.pop(_TIERS, None)
    return answer


def _expand(node: Any, parts: list[str], path: str, known: Known) -> None:
    if isinstance(node, list):
        for item in node:
            _expand(item, parts, path, known)
        return
    if not isinstance(node, dict) or parts[0] not in node:
        raise StripeError(f"This property cannot be expanded ({path}).", param="expand")
    key, rest = parts[0], parts[1:]
    value = node[key]
    if isinstance(value, str):
        node[key] = value = _object(value, path, known)
    elif isinstance(value, list):
        node[key] = value = [_object(item, path, known) if isinstance(item, str) else item for item in value]
    if rest and value is not None:
        _expand(value, rest, path, known)


def _object(object_id: str, path: str, known: Known) -> Json:
    found = known(object_id)
    if found is None:
        raise StripeError(f"This property cannot be expanded ({path}).", param="expand")
    return found
