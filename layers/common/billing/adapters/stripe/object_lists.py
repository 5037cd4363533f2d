"""Stripe's lists of its objects, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from billing.adapters.stripe.events import API_VERSION, read_object
from billing.adapters.stripe.objects import PATHS
from billing.adapters.stripe.reading import Node, UnreadableError
from billing.domain.errors import UnavailableError
from billing.domain.mirror import ObjectKind, Observation
from billing.domain.recovery import ObjectPage, UnreadableObject

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from billing.adapters.stripe.client import Answer, StripeConnection

_PAGE = 100


@dataclass(frozen=True, slots=True)
class Listing:
    """How Stripe lists a kind of object; `parameters` make the list complete."""

    parameters: Mapping[str, Any] = field(default_factory=dict)


LISTINGS: Mapping[ObjectKind, Listing] = {
    ObjectKind.CUSTOMER: Listing(),
    ObjectKind.TAX_RATE: Listing(),
    # Without it Stripe leaves out those that were cancelled.
    ObjectKind.SUBSCRIPTION: Listing({"status": "all"}),
    ObjectKind.INVOICE: Listing(),
    ObjectKind.INVOICE_PAYMENT: Listing(),
    ObjectKind.CREDIT_NOTE: Listing(),
}
"""The kinds that Stripe lists, in the order in which they are worth having."""


class StripeObjectLists:
    """The port `StripeLists`."""

    def __init__(self, connection: StripeConnection) -> None:
        self._stripe = connection

    def close(self) -> None:
        """Close the connections to Stripe."""
        self._stripe.close()

    def page(self, kind: ObjectKind, after: str | None, until: datetime | None) -> ObjectPage:
        """Return the next 100 objects, newest first: after the object `after`, or created up to `until`.

        Raises
        ------
        CursorGoneError
            Stripe does not know the object `after` any more.
        UnavailableError
            Stripe does not answer, asks to slow down for too long, or its answer is no list.
        """
        query: dict[str, Any] = {**LISTINGS[kind].parameters, "limit": _PAGE}
        if after is not None:
            query["starting_after"] = after
        elif until is not None:
            query["created"] = {"lte": int(until.timestamp())}
        try:
            answer = self._stripe.get(PATHS[kind], query)
            if answer is None:
                raise UnavailableError("stripe")
            return _page(kind, answer)
        except UnreadableError as error:
            raise UnavailableError("stripe") from error


def _page(kind: ObjectKind, answer: Answer) -> ObjectPage:
    page = Node(kind.value, answer.members)
    rows = page.nodes("data")
    observations, unreadable = [], []
    for row in rows:
        try:
            state = read_object(kind, row.members, API_VERSION)
        except UnreadableError as error:
            unreadable.append(UnreadableObject(row.text("id"), str(error)))
        else:
            observations.append(Observation(state, answer.before))
    return ObjectPage(
        observations=tuple(observations),
        unreadable=tuple(unreadable),
        read_at=answer.before,
        last=rows[-1].text("id") if rows else None,
        oldest=rows[-1].instant("created") if rows else None,
        # An empty page has nothing to go on from, whatever it says.
        has_more=page.flag("has_more") and bool(rows),
    )
