"""Stripe's lists of its objects, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from billing.adapters.stripe.discounts import OF_ITEM, OWNERS, read_listed, read_owned
from billing.adapters.stripe.event_types import API_VERSION
from billing.adapters.stripe.events import read_object
from billing.adapters.stripe.objects import EXPANSIONS, PATHS
from billing.adapters.stripe.pages import pages
from billing.adapters.stripe.reading import Node, UnreadableError
from billing.domain.catalogue import Coupon
from billing.domain.errors import UnavailableError
from billing.domain.lifecycles import kind_of
from billing.domain.mirror import ObjectKind, Observation
from billing.domain.recovery import ListedPage, ObjectPage, UnreadableObject

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from billing.adapters.stripe.client import Answer, StripeConnection
    from billing.adapters.stripe.discounts import Shown

_PAGE = 100


@dataclass(frozen=True, slots=True)
class Listing:
    """How Stripe lists a kind of object.

    It takes one list for each of `parts`, whose parameters make it complete. What has no list of its own is
    shown by lists of its `owners`, one for each part. `whole` says that what no list shows is gone; `by_time`
    that a list can be entered at a time.
    """

    parts: tuple[Mapping[str, str], ...] = ({},)
    owners: tuple[ObjectKind, ...] = ()
    whole: bool = True
    by_time: bool = True


LISTINGS: Mapping[ObjectKind, Listing] = {
    ObjectKind.CUSTOMER: Listing(),
    ObjectKind.PRODUCT: Listing(),
    # Each list has the active or the inactive ones; those that were made inline are in neither.
    ObjectKind.PRICE: Listing(({"active": "true"}, {"active": "false"}), whole=False),
    ObjectKind.TAX_RATE: Listing(),
    # Without it Stripe leaves out those that were cancelled.
    ObjectKind.SUBSCRIPTION: Listing(({"status": "all"},)),
    # Read apart from their owners, because one is gone only if no list shows it: a subscription may use a
    # discount of its customer.
    ObjectKind.DISCOUNT: Listing(
        ({}, {"status": "all"}), owners=(ObjectKind.CUSTOMER, ObjectKind.SUBSCRIPTION)
    ),
    # After the discounts: a coupon that is learned from one, and is deleted, is found to be.
    ObjectKind.COUPON: Listing(),
    ObjectKind.SCHEDULE: Listing(),
    ObjectKind.INVOICE: Listing(),
    # Of one that is open or canceled no event ever tells.
    ObjectKind.INVOICE_PAYMENT: Listing(({"status": "paid"},)),
    ObjectKind.CREDIT_NOTE: Listing(),
    ObjectKind.PAYMENT_INTENT: Listing(),
    ObjectKind.CHARGE: Listing(),
    ObjectKind.REFUND: Listing(),
    ObjectKind.DISPUTE: Listing(),
    # One that was detached from its customer is still there.
    ObjectKind.PAYMENT_METHOD: Listing(whole=False, by_time=False),
    ObjectKind.METER: Listing(by_time=False),
}
"""The kinds that Stripe lists, the most wanted first."""


class StripeObjectLists:
    """The port `StripeLists`."""

    def __init__(self, connection: StripeConnection) -> None:
        self._stripe = connection

    def close(self) -> None:
        """Close the connections to Stripe."""
        self._stripe.close()

    def page(self, kind: ObjectKind, after: str | None, until: datetime | None) -> ListedPage:
        """Return the next 100 objects, newest first: after the cursor `after`, or created up to `until`.

        They are read later, as the next page can be asked for before. Discounts are those of the next 100
        customers or subscriptions, and come with their coupons.

        Raises
        ------
        CursorGoneError
            Stripe does not know the object `after` any more.
        NotAllowedError
            The key may not read these objects, or Stripe has no such list.
        UnavailableError
            Stripe does not answer, asks to slow down for too long, or its answer is no list.
        """
        listing = LISTINGS[kind]
        part, cursor = _position(listing, after)
        listed = listing.owners[part] if listing.owners else kind
        expansions = OWNERS[listed] if listing.owners else EXPANSIONS.get(kind, ())
        query: dict[str, Any] = {**listing.parts[part], "limit": _PAGE}
        if expansions:
            query["expand"] = [f"data.{name}" for name in expansions]
        if cursor is not None:
            query["starting_after"] = cursor
        elif until is not None and listing.by_time:
            query["created"] = {"lte": int(until.timestamp())}
        try:
            answer = self._stripe.get(PATHS[listed], query)
            if answer is None:
                raise UnavailableError("stripe")
            page = _in_parts(listing, part, _page(listed, answer))
        except UnreadableError as error:
            raise UnavailableError("stripe") from error
        read = partial(self._discounts if listing.owners else _read, listed, answer, page)
        return ListedPage(page.last, page.oldest, page.has_more, read)

    def _discounts(self, owner: ObjectKind, answer: Answer, page: ObjectPage) -> ObjectPage:
        """Return the page with the discounts that its owners show, each once, and their coupons.

        Raises
        ------
        NotAllowedError
            The key may not read items of subscriptions.
        UnavailableError
            Stripe does not tell the items that it did not embed, or an owner that cannot be read has no id.
        """
        found: dict[tuple[ObjectKind, str], Shown] = {}
        unreadable = []
        for row in Node(owner.value, answer.members).nodes("data"):
            shown = Node(owner.value, row.members)
            try:
                found |= {(kind_of(state), state.id): state for state in self._owned(owner, shown)}
            except UnreadableError as error:
                unreadable.append(UnreadableObject(_id_of(row), str(error)))
        discounts = [state for state in found.values() if not isinstance(state, Coupon)]
        coupons = [state for state in found.values() if isinstance(state, Coupon)]
        return replace(
            page,
            observations=tuple(Observation(state, answer.before) for state in discounts),
            unreadable=tuple(unreadable),
            # As old as can be: it may be gone, or another one may have taken its id since.
            coupons=tuple(Observation(coupon, coupon.created) for coupon in coupons),
        )

    def _owned(self, kind: ObjectKind, owner: Node) -> Iterator[Shown]:
        yield from read_owned(kind, owner)
        if kind is ObjectKind.SUBSCRIPTION and owner.node("items").flag("has_more"):
            query = {"subscription": owner.text("id"), "expand": [f"data.{OF_ITEM}"]}
            for items in pages(self._stripe, "/v1/subscription_items", query, "subscription.items"):
                for item in items or ():
                    yield from read_listed(item)


def _position(listing: Listing, after: str | None) -> tuple[int, str | None]:
    """Return which part a cursor is in, and the id in it after which it goes on."""
    if after is None or len(listing.parts) == 1:
        return 0, after
    part, _, cursor = after.partition(":")
    return int(part), cursor or None


def _in_parts(listing: Listing, part: int, page: ObjectPage) -> ObjectPage:
    """Return the page with a cursor that says its part, and with more to come until the last part's end."""
    page = replace(page, whole=listing.whole)
    if len(listing.parts) == 1:
        return page
    if not page.has_more and part + 1 < len(listing.parts):
        return replace(page, last=f"{part + 1}:", has_more=True)
    return replace(page, last=None if page.last is None else f"{part}:{page.last}")


def _page(kind: ObjectKind, answer: Answer) -> ObjectPage:
    """Return the page without its objects, which take longer to read than where the next page begins."""
    page = Node(kind.value, answer.members)
    rows = page.nodes("data")
    return ObjectPage(
        observations=(),
        unreadable=(),
        read_at=answer.before,
        last=rows[-1].text("id") if rows else None,
        oldest=rows[-1].instant("created") if rows else None,
        # An empty page has nothing to go on from, whatever it says.
        has_more=page.flag("has_more") and bool(rows),
    )


def _read(kind: ObjectKind, answer: Answer, page: ObjectPage) -> ObjectPage:
    """Return the page with its objects.

    Raises
    ------
    UnavailableError
        One that cannot be read has no id.
    """
    observations, unreadable = [], []
    for row in Node(kind.value, answer.members).nodes("data"):
        try:
            state = read_object(kind, row.members, API_VERSION)
        except UnreadableError as error:
            unreadable.append(UnreadableObject(_id_of(row), str(error)))
        else:
            observations.append(Observation(state, answer.before))
    return replace(page, observations=tuple(observations), unreadable=tuple(unreadable))


def _id_of(row: Node) -> str:
    try:
        return row.text("id")
    except UnreadableError as error:
        raise UnavailableError("stripe") from error
