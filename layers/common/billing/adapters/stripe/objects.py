"""Stripe's own word on an object, asked through the SDK and read from its JSON."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from billing.adapters.stripe.client import StripeConnection
from billing.adapters.stripe.credit_notes import read_credit_note_line
from billing.adapters.stripe.discounts import expansion, read_applied
from billing.adapters.stripe.event_types import API_VERSION
from billing.adapters.stripe.events import read_object
from billing.adapters.stripe.invoices import read_line
from billing.adapters.stripe.pages import pages
from billing.adapters.stripe.reading import Node, UnreadableError
from billing.adapters.stripe.subscriptions import read_item
from billing.domain.catalogue import Coupon, Discount
from billing.domain.credit_notes import CreditNote
from billing.domain.errors import BillingError, ContentionError
from billing.domain.invoices import Invoice
from billing.domain.lifecycles import kind_of
from billing.domain.mirror import Deletion, ObjectKind, Observation
from billing.domain.subscriptions import Subscription

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from billing.domain.mirror import Snapshot

PATHS = {
    ObjectKind.CUSTOMER: "/v1/customers",
    ObjectKind.SUBSCRIPTION: "/v1/subscriptions",
    ObjectKind.INVOICE: "/v1/invoices",
    ObjectKind.TAX_RATE: "/v1/tax_rates",
    ObjectKind.CREDIT_NOTE: "/v1/credit_notes",
    ObjectKind.INVOICE_PAYMENT: "/v1/invoice_payments",
    ObjectKind.PRODUCT: "/v1/products",
    ObjectKind.PRICE: "/v1/prices",
    ObjectKind.COUPON: "/v1/coupons",
    ObjectKind.METER: "/v1/billing/meters",
    ObjectKind.SCHEDULE: "/v1/subscription_schedules",
    ObjectKind.PAYMENT_INTENT: "/v1/payment_intents",
    ObjectKind.CHARGE: "/v1/charges",
    ObjectKind.PAYMENT_METHOD: "/v1/payment_methods",
    ObjectKind.REFUND: "/v1/refunds",
    ObjectKind.DISPUTE: "/v1/disputes",
}
"""Where Stripe has the objects of a kind; it returns no discount by its id."""

EXPANSIONS: Mapping[ObjectKind, tuple[str, ...]] = {ObjectKind.PRICE: ("tiers",)}
"""What Stripe shows of an object only to whoever asks for it."""

_READINGS = 3


class UnreadableAnswerError(BillingError):
    """Stripe answered with an object of an unexpected shape; the message names the member."""


class StripeApi:
    """Fetches objects of one account, all in the API version that the readers are written for.

    `api_key` returns the key, True asks for a fresh reading; `base` is the address of the API;
    `retries` is how often the SDK tries again, half a second and more apart; `clock` counts seconds.
    """

    def __init__(
        self,
        api_key: Callable[[bool], str],
        base: str,
        *,
        retries: int = 2,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stripe = StripeConnection(api_key, base, retries=retries, clock=clock)

    @classmethod
    def over(cls, connection: StripeConnection) -> Self:
        """Return one that shares a connection with others."""
        shared = cls.__new__(cls)
        shared._stripe = connection  # noqa: SLF001 - its own
        return shared

    def close(self) -> None:
        """Close the connections to Stripe; a later fetch opens new ones."""
        self._stripe.close()

    def fetch(
        self, kind: ObjectKind, object_id: str, listed: Observation | None = None
    ) -> Observation | None:
        """Return the object's state now, with every line or item; None if Stripe does not know it.

        `listed` is what a list has shown of it, which saves a call if it still looks the same; then the
        state is as of that.
        Of a kind that Stripe returns by no id (discounts) that is always None, without asking.
        `as_of` is Stripe's clock, whole seconds, read before the state was.

        Raises
        ------
        UnavailableError
            Stripe does not answer, asks to slow down, or refuses the key.
        ContentionError
            The object changed during each of three readings of its pages.
        UnreadableAnswerError
            The object has not the shape of our API version.
        """
        try:
            return self._fetch(kind, object_id, listed)
        except UnreadableError as error:
            raise UnreadableAnswerError(f"Stripe's answer cannot be read: {error}") from None

    def fetch_discounts(self, kind: ObjectKind, document_id: str) -> list[Observation]:
        """Return the discounts that an invoice or a credit note names, and their coupons, as they are now.

        A discount that is gone is a deletion with its last state. What Stripe does not tell, or cannot be
        read, is left out; nothing is returned of a document that Stripe does not know.

        Raises
        ------
        NotAllowedError
            The key may not read it.
        UnavailableError
            Stripe does not answer, asks to slow down, or refuses the key.
        UnreadableAnswerError
            The document has not the shape of our API version.
        """
        try:
            answer = self._stripe.get(self._path(kind, document_id), {"expand": [expansion(kind)]})
            if answer is None or answer.members.get("deleted") is True:
                return []
            found = list(read_applied(kind, Node(kind.value, answer.members)))
        except UnreadableError as error:
            raise UnreadableAnswerError(f"Stripe's answer cannot be read: {error}") from None
        return [Observation(state, _since(state) or answer.before) for state in found]

    @staticmethod
    def _path(kind: ObjectKind, object_id: str) -> str:
        return f"{PATHS[kind]}/{quote(object_id, safe='')}"

    def _fetch(self, kind: ObjectKind, object_id: str, listed: Observation | None) -> Observation | None:
        if kind not in PATHS:
            return None
        path = self._path(kind, object_id)
        # What a list shows only to whoever asks for it has no pages to ask for.
        seen = self._read(kind, object_id) if listed is None or kind in EXPANSIONS else listed
        for _ in range(_READINGS):
            if seen is None or isinstance(seen.state, Deletion):
                return seen
            whole = self._whole(seen.state, path)
            if whole is seen.state:
                return seen
            # The pages came later than the object: they belong to it only if it still looks the same.
            again = self._read(kind, object_id)
            if whole is not None and again is not None and again.state == seen.state:
                return Observation(whole, seen.as_of)
            seen = again
        raise ContentionError("The object kept changing while its pages were read.")

    def _read(self, kind: ObjectKind, object_id: str) -> Observation | None:
        query = {"expand": list(EXPANSIONS[kind])} if kind in EXPANSIONS else {}
        answer = self._stripe.get(self._path(kind, object_id), query)
        if answer is None:
            return None
        if answer.members.get("deleted") is True:
            return Observation(Deletion(kind, object_id), answer.before)
        return Observation(read_object(kind, answer.members, API_VERSION), answer.before)

    def _whole(self, state: Snapshot, path: str) -> Snapshot | None:
        """Return the state itself if it is complete, else with all its pages; None if it went away."""
        if isinstance(state, Subscription):
            return state if state.items_complete else self._with_items(state)
        if isinstance(state, Invoice | CreditNote):
            return state if state.lines_complete else self._with_lines(state, path)
        return state

    def _with_items(self, state: Subscription) -> Subscription | None:
        items = self._list("/v1/subscription_items", {"subscription": state.id}, "subscription.items")
        if items is None:
            return None
        return replace(state, items=tuple(read_item(item) for item in items), items_complete=True)

    def _with_lines(self, state: Invoice | CreditNote, path: str) -> Snapshot | None:
        lines = self._list(f"{path}/lines", {}, f"{kind_of(state).value}.lines")
        if lines is None:
            return None
        if isinstance(state, Invoice):
            billed = tuple(read_line(line, state.currency) for line in lines)
            return replace(state, lines=billed, lines_complete=True)
        credited = tuple(read_credit_note_line(line, state.currency) for line in lines)
        return replace(state, lines=credited, lines_complete=True)

    def _list(self, path: str, query: Mapping[str, str], name: str) -> list[Node] | None:
        nodes: list[Node] = []
        for page in pages(self._stripe, path, query, name):
            if page is None:
                return None
            nodes.extend(page)
        return nodes


def _since(state: Coupon | Discount | Deletion) -> datetime | None:
    # As old as can be: what a document names may be gone, and an event of its end, or of another coupon that
    # took the id since, is the later one then.
    match state:
        case Coupon(created=since) | Discount(start=since):
            return since
        case Deletion():
            return None
