"""What mirroring Stripe's objects needs from the outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from billing.domain.mirror import (
        MalformedEvent,
        ObjectKind,
        Observation,
        Outcome,
        Standing,
        StripeEvent,
        Verdict,
    )


class WebhookVerifier(Protocol):
    """Tells Stripe's deliveries from everybody else's."""

    def verify(self, payload: bytes, signature: str | None) -> None:
        """Return when the signature holds for these raw bytes.

        Raises
        ------
        SignatureRejectedError
            Missing, malformed, wrong for every active secret, or over 300 s old or ahead.
        UnavailableError
            The secrets cannot be read.
        """
        ...


MISSING = "Missing"
"""The name of the mark on messages whose events the inbox was asked for before, and lacked."""


class EventQueue(Protocol):
    """Durable storage between the webhook and its processing."""

    def put(self, body: str, *, is_missing: bool = False) -> None:
        """Return once the queue has the event's JSON.

        `is_missing` marks it as one that the inbox was asked for and lacks: whoever remembers that it ended
        is ahead of the database, which may have been restored to an earlier time.

        Raises
        ------
        UnavailableError
            It could not be stored; the sender must try again.
        """
        ...


class Mirror(Protocol):
    """The mirror of Stripe's objects and its inbox of events; every method is one transaction."""

    def record(self, event: StripeEvent | MalformedEvent, outcome: Outcome, reason: str | None) -> Verdict:
        """Keep an event that changes nothing; return APPLIED, or DUPLICATE if it ended before.

        The row of an event that failed or was quarantined before is overwritten, but a failure does not
        overwrite a quarantine. The receipt's body is kept with a quarantined event.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        ...

    def apply(self, event: StripeEvent, observation: Observation) -> Verdict:
        """Write the state with its inbox row if it is later than what stands, all in one transaction.

        Returns APPLIED, STALE, DUPLICATE, or TIE when another state of the same second stands, in
        which case nothing is written; where the same state stands already, that is APPLIED and only
        the inbox changes. A deletion is later than any state, whatever its second, and a deleted
        object is never brought back: STALE.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        ...

    def apply_all(self, told: Sequence[tuple[StripeEvent | None, Observation]]) -> Sequence[Verdict]:
        """Apply each observation as `apply` does, all in one transaction.

        None as event: no event told of the state. Returns the verdict of each, in the order given. Objects
        are written in the order of their ids, so that two callers cannot wait for each other; several states
        of one object in the order given.

        Raises
        ------
        UnavailableError
            The database does not answer.
        RefusedError
            The database refused one of the states; nothing was written.
        """
        ...

    def standing(self, kind: ObjectKind, object_id: str) -> Standing | None:
        """Return what the mirror holds of the object, None if nothing.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        ...

    def settle(
        self, event: StripeEvent | None, observation: Observation | None, standing: Standing | None
    ) -> Verdict:
        """Write the state that settles a tie, if the object still stands as `standing` says.

        None as event: no event told of the state; there is an observation then.
        None as observation keeps what stands and records the event as STALE. Returns APPLIED,
        STALE, DUPLICATE, or MOVED when the object changed since `standing` was read, in which
        case nothing is written.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        ...

    def unknown_tax_rates(self, ids: Collection[str]) -> frozenset[str]:
        """Return those of the ids that the mirror holds no tax rate of.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        ...

    def unknown_discounts(self, ids: Collection[str]) -> frozenset[str]:
        """Return those of the ids that the mirror holds no discount with its coupon of.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        ...


class StripeObjects(Protocol):
    """Stripe's own word on an object."""

    def fetch(
        self, kind: ObjectKind, object_id: str, listed: Observation | None = None
    ) -> Observation | None:
        """Return the object's state now, with every line or item; None if Stripe does not know it.

        `listed` is what a list has shown of it, which saves a call if it still looks the same; then the
        state is as of that.
        `as_of` is Stripe's clock, whole seconds, read before the state was.

        Raises
        ------
        UnavailableError
            Stripe does not answer, or asks to slow down.
        """
        ...

    def fetch_discounts(self, kind: ObjectKind, document_id: str) -> Sequence[Observation]:
        """Return the discounts that an invoice or a credit note names, and their coupons, as they are now.

        A discount that is gone is a deletion with its last state. What Stripe does not tell is left out;
        nothing is returned of a document that Stripe does not know.

        Raises
        ------
        NotAllowedError
            The key may not read it.
        UnavailableError
            Stripe does not answer, or asks to slow down.
        """
        ...


__all__ = [
    "MISSING",
    "EventQueue",
    "Mirror",
    "StripeObjects",
    "WebhookVerifier",
]
