"""The mirror and its inbox in PostgreSQL: every method is one transaction and one round trip."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

from billing.adapters.postgres.codec import utc
from billing.adapters.postgres.connection import Statement
from billing.adapters.postgres.customer_table import delete_customer, write_customer
from billing.adapters.postgres.invoice_table import delete_invoice, write_invoice
from billing.adapters.postgres.mirror_sql import (
    LOCK,
    RECORD,
    keep_statement,
    standing_statement,
    write_statement,
)
from billing.adapters.postgres.subscription_table import delete_subscription, write_subscription
from billing.adapters.postgres.tax_rate_table import (
    LEARN,
    SELECT_UNKNOWN,
    delete_tax_rate,
    write_tax_rate,
)
from billing.domain.customers import Customer
from billing.domain.invoices import Invoice
from billing.domain.mirror import (
    Deletion,
    NotMirrored,
    ObjectKind,
    Standing,
    Unreadable,
    Verdict,
    kind_of,
)
from billing.domain.subscriptions import Subscription
from billing.domain.tax_rates import TaxRate

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import LiteralString

    from billing.adapters.postgres.connection import Database
    from billing.adapters.postgres.mirror_sql import Write
    from billing.domain.mirror import Observation, Outcome, Snapshot, StripeEvent

_TABLES: dict[ObjectKind, LiteralString] = {
    ObjectKind.CUSTOMER: "customers",
    ObjectKind.SUBSCRIPTION: "subscriptions",
    ObjectKind.INVOICE: "invoices",
    ObjectKind.TAX_RATE: "tax_rates",
}
_DELETIONS = {
    ObjectKind.CUSTOMER: delete_customer,
    ObjectKind.SUBSCRIPTION: delete_subscription,
    ObjectKind.INVOICE: delete_invoice,
    ObjectKind.TAX_RATE: delete_tax_rate,
}


class PostgresMirror:
    """The port `Mirror`, for the role billing_worker."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, event: StripeEvent, outcome: Outcome, reason: str | None) -> Verdict:
        """Keep an event that changes nothing; return APPLIED, or DUPLICATE if it is known.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        parameters = _inbox_parameters(event) | {"outcome": outcome.value, "reason": reason}
        rows = self._database.query(Statement(RECORD, parameters))
        return Verdict(rows[0]["word"]) if rows else Verdict.DUPLICATE

    def apply(self, event: StripeEvent, observation: Observation) -> Verdict:
        """Write the state with its inbox row if it is later than what stands.

        Returns APPLIED, STALE, DUPLICATE, or TIE when a state of the same second stands, in
        which case nothing is written. A deleted object is never brought back: STALE.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        return self._write(event, observation, revision=None)

    def standing(self, kind: ObjectKind, object_id: str) -> Standing | None:
        """Return what the mirror holds of the object, None if nothing.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        rows = self._database.query(Statement(standing_statement(_TABLES[kind]), {"id": object_id}))
        if not rows:
            return None
        row = rows[0]
        return Standing(row["revision"], utc(row["as_of"]), row["status"], row["deleted"])

    def settle(
        self, event: StripeEvent, observation: Observation | None, standing: Standing | None
    ) -> Verdict:
        """Write the state that settles a tie, if the object still stands as `standing` says.

        None as observation keeps what stands and records the event as STALE; so does any state of a deleted
        object. Returns APPLIED, STALE, DUPLICATE, or MOVED when the object changed since `standing` was
        read, in which case nothing is written. The object's as_of never goes back, whatever the
        observation's is.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        revision = 0 if standing is None else standing.revision
        if observation is not None and not (standing is not None and standing.deleted):
            return self._write(event, observation, revision=revision)
        subject = event.content if observation is None else observation.state
        if isinstance(subject, NotMirrored | Unreadable):
            raise TypeError("an event that mirrors nothing has no tie to settle")
        parameters = _inbox_parameters(event) | {"id": subject.id, "revision": revision}
        return self._send(subject.id, Statement(keep_statement(_TABLES[kind_of(subject)]), parameters))

    def unknown_tax_rates(self, ids: Collection[str]) -> frozenset[str]:
        """Return those of the ids that the mirror holds no tax rate of.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        rows = self._database.query(Statement(SELECT_UNKNOWN, {"ids": list(ids)}))
        return frozenset(row["id"] for row in rows)

    def learn(self, observation: Observation) -> None:
        """Write a tax rate that no event told of, unless what stands is as late.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        if not isinstance(observation.state, TaxRate):
            raise TypeError("only tax rates are learned without an event")
        parameters = {**write_tax_rate(observation.state).parameters, "as_of": observation.as_of}
        self._database.query(Statement(LEARN, parameters))

    def _write(self, event: StripeEvent, observation: Observation, *, revision: int | None) -> Verdict:
        write = _write_of(observation.state)
        parameters = {
            # Only a deletion has no livemode of its own and uses the event's.
            "livemode": event.livemode,
            "deleted_at": observation.as_of,
            **write.parameters,
            **_inbox_parameters(event),
            "id": observation.state.id,
            "as_of": observation.as_of,
            "revision": revision,
        }
        return self._send(observation.state.id, Statement(write_statement(write), parameters))

    def _send(self, object_id: str, statement: Statement) -> Verdict:
        try:
            rows = self._database.write(Statement(LOCK, {"object": object_id}), statement)[1]
        except psycopg.errors.UniqueViolation as error:
            # The same event was recorded under no object's lock (see record) while this one was on its way.
            if error.diag.constraint_name != "stripe_webhook_events_pkey":
                raise
            return Verdict.DUPLICATE
        return Verdict(rows[0]["word"])


def _write_of(state: Snapshot | Deletion) -> Write:
    match state:
        case Deletion(kind=kind):
            return _DELETIONS[kind]()
        case Customer():
            return write_customer(state)
        case Subscription():
            return write_subscription(state)
        case Invoice():
            return write_invoice(state)
        case TaxRate():
            return write_tax_rate(state)


def _inbox_parameters(event: StripeEvent) -> dict[str, object]:
    return {
        "event_id": event.id,
        "event_type": event.type,
        "event_api_version": event.api_version,
        "event_livemode": event.livemode,
        "event_created": event.created,
        "event_object_id": event.object_id,
    }
