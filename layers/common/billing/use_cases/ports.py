"""What the use cases need from the outside; each Protocol is made real by one adapter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from billing.domain.credit_notes import CreditNote
    from billing.domain.customers import Customer
    from billing.domain.documents import InvoiceDocument
    from billing.domain.einvoice import EInvoice
    from billing.domain.invoice_pages import InvoicePage, InvoiceQuery
    from billing.domain.invoices import Invoice
    from billing.domain.mirror import (
        MalformedEvent,
        ObjectKind,
        Observation,
        Outcome,
        Standing,
        StripeEvent,
        Verdict,
    )
    from billing.domain.principals import Principal
    from billing.domain.schema import SchemaStatus


class Clock(Protocol):
    """The time now."""

    def __call__(self) -> datetime:
        """Return the instant now, in UTC."""
        ...


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


class EventQueue(Protocol):
    """Durable storage between the webhook and its processing."""

    def put(self, body: str) -> None:
        """Return once the queue has the event's JSON.

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


class InvoicePages(Protocol):
    """Lists of one customer's invoices; apart from the invoices themselves, which a list does not load."""

    def page(self, customer: str, query: InvoiceQuery) -> InvoicePage:
        """Return one page, newest first (by creation, then id).

        Raises
        ------
        InvalidParameterError
            `starting_after` is not an invoice of this customer.
        UnavailableError
            The database does not answer.
        """
        ...


class InvoiceReader(Protocol):
    """Invoices of one customer; another customer's invoice does not exist here."""

    def get(self, customer: str, invoice_id: str) -> Invoice | None:
        """Return the invoice with every line in Stripe's order, None if this customer has none such.

        Its credit notes and payments come with it, oldest first.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        ...

    def customer(self, customer: str) -> Customer | None:
        """Return the mirrored customer, None if not mirrored (yet) or deleted.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        ...


class CreditNoteReader(Protocol):
    """Credit notes of one customer; another customer's does not exist here."""

    def get(self, customer: str, credit_note_id: str) -> CreditNote | None:
        """Return the credit note with every line in Stripe's order, None if this customer has none such.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        ...


class Identities(Protocol):
    """Who may sign in."""

    def by_api_key(self, digest: bytes) -> Principal | None:
        """Return the owner of the unrevoked API key with this SHA-256 digest, None if there is none.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        ...

    def by_subject(self, issuer: str, subject: str) -> Principal | None:
        """Return the enabled user that signs in as this subject of this issuer, None if there is none.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        ...


class TokenVerifier(Protocol):
    """Verifies the JWTs of the configured OIDC issuer."""

    def verify(self, token: str) -> tuple[str, str]:
        """Return (issuer, subject) of a token whose signature, issuer, audience and times hold.

        Raises
        ------
        UnauthenticatedError
            The token does not hold.
        UnavailableError
            The issuer's keys cannot be read.
        """
        ...


class FeatureFlags(Protocol):
    """Which features are on."""

    def enabled(self, feature: str) -> bool:
        """Return whether the feature is on; an unknown feature is off."""
        ...


class SchemaMigrator(Protocol):
    """The versions of the database's schema."""

    def up(self) -> Sequence[str]:
        """Apply what is pending, all or nothing, and return the names of what this call applied.

        Raises
        ------
        SchemaError
            A file that was applied has changed, a number is missing or taken twice, or a statement failed.
        UnavailableError
            The database does not answer.
        """
        ...

    def down(self, to: int) -> Sequence[str]:
        """Roll back every migration above number `to`, newest first, and return their names.

        Raises
        ------
        SchemaError
            As for `up`, or no migration has this number.
        UnavailableError
            The database does not answer.
        """
        ...

    def status(self) -> SchemaStatus:
        """Return what stands, what is pending, and where the schema differs from what was applied.

        Raises
        ------
        SchemaError
            As for `up`.
        UnavailableError
            The database does not answer.
        """
        ...

    def ensure_login(self, role: str, password: str) -> bool:
        """Let the role sign in with this password; return whether that changed anything.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        ...


class DocumentStore(Protocol):
    """Rendered documents under content-addressed keys; what is stored never changes."""

    def get(self, key: str) -> bytes | None:
        """Return the stored bytes, None if there are none or they are damaged.

        Raises
        ------
        UnavailableError
            The store does not answer.
        """
        ...

    def put(self, key: str, content: bytes) -> None:
        """Store the bytes unless the key is taken; two first writers leave one object.

        Raises
        ------
        UnavailableError
            The store does not answer.
        """
        ...

    def link(self, key: str, disposition: str, seconds: int) -> str:
        """Return a URL at which whoever has it gets the stored bytes, for so many seconds.

        `disposition` is the Content-Disposition of that answer (RFC 6266). The store is not asked.

        Raises
        ------
        UnavailableError
            The URL cannot be signed.
        """
        ...


class InvoiceRenderer(Protocol):
    """Draws an invoice."""

    def __call__(self, document: InvoiceDocument) -> bytes:
        """Return the PDF: the same document gives the same bytes."""
        ...


class EInvoiceWriter(Protocol):
    """Writes an e-invoice down."""

    def __call__(self, invoice: EInvoice) -> bytes:
        """Return the XML in UTF-8: the same invoice gives the same bytes."""
        ...


__all__ = [
    "Clock",
    "CreditNoteReader",
    "DocumentStore",
    "EInvoiceWriter",
    "EventQueue",
    "FeatureFlags",
    "Identities",
    "InvoicePages",
    "InvoiceReader",
    "InvoiceRenderer",
    "Mirror",
    "SchemaMigrator",
    "StripeObjects",
    "TokenVerifier",
    "WebhookVerifier",
]
