"""Stripe's lists of its events: one of API v1, and one of API v2."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlsplit

from billing.adapters.stripe.client import PAGE_TOKEN
from billing.adapters.stripe.event_types import THIN, THIN_PATH, THIN_TYPES
from billing.adapters.stripe.reading import Node, UnreadableError
from billing.domain.errors import UnavailableError
from billing.domain.recovery import EventPage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from billing.adapters.stripe.client import StripeConnection

_PATH = "/v1/events"
_PAGE = 100


def _token(address: str | None) -> str | None:
    """Return which page an address leads to: its host and path are not followed."""
    if address is None:
        return None
    tokens = parse_qs(urlsplit(address).query).get(PAGE_TOKEN)
    if not tokens:
        raise UnreadableError("events.next_page_url", "without a token")
    return tokens[0]


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class StripeEventList:
    """The port `StripeEvents`. Events come in the API version that they were made in, not in ours."""

    def __init__(self, connection: StripeConnection) -> None:
        self._stripe = connection

    def close(self) -> None:
        """Close the connections to Stripe."""
        self._stripe.close()

    def page(self, types: Sequence[str], since: datetime, until: datetime, after: str | None) -> EventPage:
        """Return the next events of these types (20 at most) created in the window, both ends included.

        Raises
        ------
        CursorGoneError
            Stripe does not know `after` any more.
        NotAllowedError
            The key may not read these events.
        UnavailableError
            Stripe does not answer, asks to slow down, or answers with something else than a list of events.
        """
        if types[0] in THIN_TYPES:
            return self._thin_page(types, since, until, after)
        query: dict[str, Any] = {
            "types": list(types),
            "created": {"gte": int(since.timestamp()), "lte": int(until.timestamp())},
            "limit": _PAGE,
        }
        if after is not None:
            query["starting_after"] = after
        try:
            answer = self._stripe.get(_PATH, query)
            if answer is None:
                raise UnavailableError("stripe")
            page = Node("events", answer.members)
            events = page.nodes("data")
            last = events[-1].text("id") if events else None
            for event in events:
                event.expect("object", "event")
                event.text("id")
            # An empty page has nothing to go on from, whatever it says.
            return EventPage(
                tuple(event.members for event in events), last, page.flag("has_more") and bool(events)
            )
        except UnreadableError as error:
            raise UnavailableError("stripe") from error

    def _thin_page(
        self, types: Sequence[str], since: datetime, until: datetime, after: str | None
    ) -> EventPage:
        """Return a page of API v2, which tells the address of the next one; `after` is the token in it."""
        query: dict[str, Any] = (
            {
                "types": list(types),
                "created": {"gte": _text(since), "lte": _text(until)},
                "limit": _PAGE,
            }
            if after is None
            else {PAGE_TOKEN: after}
        )
        try:
            answer = self._stripe.get(THIN_PATH, query)
            if answer is None:
                raise UnavailableError("stripe")
            page = Node("events", answer.members)
            events = page.nodes("data")
            for event in events:
                event.expect("object", THIN)
                event.text("id")
            token = _token(page.optional_text("next_page_url") if page.has("next_page_url") else None)
            return EventPage(tuple(event.members for event in events), token, token is not None)
        except UnreadableError as error:
            raise UnavailableError("stripe") from error

    def get(self, event_id: str) -> Mapping[str, object] | None:
        """Return the event, of either API, None if Stripe does not know it (any more).

        Raises
        ------
        UnavailableError
            Stripe does not answer, or asks to slow down.
        """
        try:
            name = quote(event_id, safe="")
            answer = self._stripe.get(f"{_PATH}/{name}") or self._stripe.get(f"{THIN_PATH}/{name}")
        except UnreadableError as error:
            raise UnavailableError("stripe") from error
        return None if answer is None else answer.members
