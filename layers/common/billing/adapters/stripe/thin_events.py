"""Stripe's events of API v2: a delivery tells what happened to what, and the rest is fetched."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from billing.adapters.stripe.event_types import THIN_PATH, THIN_TYPES
from billing.adapters.stripe.reading import Node, UnreadableError
from billing.domain.errors import UnavailableError
from billing.domain.mirror import (
    MalformedEvent,
    MalformedEventError,
    NotMirrored,
    StripeEvent,
    Unreadable,
)
from billing.domain.recovery import NotAllowedError
from billing.domain.usage_reports import MeterErrorReport, MeterErrors, RejectedUsage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from billing.adapters.stripe.client import StripeConnection


def read_thin_event(event_id: str, what: str, payload: Mapping[str, object]) -> StripeEvent:
    """Return what the event says: what Stripe refused is told only to whoever fetches it.

    Raises
    ------
    MalformedEventError
        The event lacks something, which the error names.
    """
    event = Node("event", payload)
    try:
        about = event.optional_node("related_object") if event.has("related_object") else None
        return StripeEvent(
            id=event_id,
            type=what,
            created=_instant(event, "created"),
            livemode=event.flag("livemode"),
            api_version=None,
            object_id=None if about is None else about.text("id"),
            content=_content(event) if what in THIN_TYPES else NotMirrored(),
        )
    except UnreadableError as error:
        raise MalformedEventError(MalformedEvent(event_id, what, str(error))) from None


def _content(event: Node) -> MeterErrors | Unreadable:
    # As `account` on events of API v1: it names whose the event is where that is another account.
    return Unreadable("event.context: another account's") if event.has("context") else MeterErrors()


class StripeMeterErrorEvents:
    """The port `StripeMeterErrors`."""

    def __init__(self, connection: StripeConnection) -> None:
        self._stripe = connection

    def fetch(self, event_id: str) -> MeterErrorReport | None:
        """Return what the event says, None if Stripe does not know it (any more).

        Raises
        ------
        UnavailableError
            Stripe does not answer, asks to slow down, or says it in another shape.
        """
        try:
            answer = self._stripe.get(f"{THIN_PATH}/{quote(event_id, safe='')}")
            if answer is None:
                return None
            event = Node("event", answer.members)
            about = event.optional_node("related_object") if event.has("related_object") else None
            reason = event.node("data").node("reason")
            return MeterErrorReport(
                stripe_meter=None if about is None else about.text("id"),
                total=reason.integer("error_count"),
                rejected=tuple(_rejected(reason)),
            )
        except (UnreadableError, NotAllowedError) as error:
            raise UnavailableError("stripe") from error


def _rejected(reason: Node) -> Iterator[RejectedUsage]:
    for kind in reason.nodes("error_types"):
        code, count = kind.text("code"), kind.integer("error_count")
        samples = kind.nodes("sample_errors")
        for sample in samples:
            request = sample.optional_node("request") if sample.has("request") else None
            named = None if request is None else request.optional_text("identifier")
            yield RejectedUsage(named, code, sample.text("error_message"), count)
        if not samples:
            yield RejectedUsage(None, code, "", count)


def _instant(event: Node, name: str) -> datetime:
    try:
        return datetime.fromisoformat(event.text(name)).astimezone(UTC).replace(microsecond=0)
    except ValueError:
        raise UnreadableError(f"event.{name}", "not a date and time") from None
