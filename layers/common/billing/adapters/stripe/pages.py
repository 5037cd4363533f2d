"""A list of Stripe's read to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from billing.adapters.stripe.reading import Node, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from billing.adapters.stripe.client import StripeConnection

_PAGE = 100
_MOST_PAGES = 1000


def pages(
    stripe: StripeConnection, path: str, query: Mapping[str, Any], name: str
) -> Iterator[tuple[Node, ...] | None]:
    """Yield the objects of each page, None if Stripe does not know what the list is of; `name` is for errors.

    Raises
    ------
    NotAllowedError
        The key may not read the list.
    UnavailableError
        Stripe does not answer, asks to slow down, or refuses the key.
    UnreadableError
        An answer is no page, or there is no end.
    """
    position: dict[str, str] = {}
    for _ in range(_MOST_PAGES):
        answer = stripe.get(path, {**query, **position, "limit": str(_PAGE)})
        if answer is None:
            yield None
            return
        page = Node(name, answer.members)
        rows = page.nodes("data")
        yield rows
        if not page.flag("has_more"):
            return
        if not rows:
            raise UnreadableError(f"{name}.has_more", "true on an empty page")
        position = {"starting_after": rows[-1].text("id")}
    raise UnreadableError(name, f"over {_MOST_PAGES} pages")
