"""The mirror and its inbox in PostgreSQL: every method is one transaction and one round trip.

But for payment methods and the deletion of customers, after which a second statement forgets the digits that
nobody may need any more. If it is not reached, the event comes again and reaches it as a duplicate.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import psycopg

from billing.adapters.postgres.codec import as_json
from billing.adapters.postgres.connection import Statement
from billing.adapters.postgres.credit_note_table import credit_note_deletion, credit_note_state
from billing.adapters.postgres.customer_table import customer_deletion, customer_state
from billing.adapters.postgres.discount_table import SELECT_UNKNOWN as SELECT_UNKNOWN_DISCOUNTS
from billing.adapters.postgres.instants import utc
from billing.adapters.postgres.invoice_table import invoice_deletion, invoice_state
from billing.adapters.postgres.mirror_sql import (
    APPLY_TOGETHER,
    FORGET_CARDS,
    RECORD,
    apply_statement,
    function_of,
    standing_statement,
)
from billing.adapters.postgres.plain_state import plain_state
from billing.adapters.postgres.subscription_table import subscription_deletion, subscription_state
from billing.adapters.postgres.tax_rate_table import SELECT_UNKNOWN as SELECT_UNKNOWN_RATES
from billing.domain.credit_notes import CreditNote
from billing.domain.customers import Customer
from billing.domain.errors import RefusedError
from billing.domain.invoices import Invoice
from billing.domain.lifecycles import kind_of
from billing.domain.mirror import (
    Deletion,
    NotMirrored,
    ObjectKind,
    Outcome,
    Standing,
    StripeEvent,
    Unreadable,
    Verdict,
)
from billing.domain.payment_methods import PaymentMethod
from billing.domain.subscriptions import Subscription
from billing.domain.usage_reports import MeterErrors

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from datetime import datetime

    from billing.adapters.postgres.codec import Json
    from billing.adapters.postgres.connection import Database
    from billing.domain.mirror import MalformedEvent, Mention, Observation, Snapshot

# With it whoever has it could go on with a payment; no reader asks for it.
_SECRET = re.compile(r'("client_secret"\s*:\s*)"[^"]*"')

# What a deletion changes beside deleted_at, where it changes more.
_DELETIONS: dict[ObjectKind, Callable[[], Json]] = {
    ObjectKind.CUSTOMER: customer_deletion,
    ObjectKind.SUBSCRIPTION: subscription_deletion,
    ObjectKind.INVOICE: invoice_deletion,
    ObjectKind.CREDIT_NOTE: credit_note_deletion,
}


class PostgresMirror:
    """The port `Mirror`, for the role billing_worker."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, event: StripeEvent | MalformedEvent, outcome: Outcome, reason: str | None) -> Verdict:
        """Keep an event that changes nothing; return APPLIED, or DUPLICATE if it ended before.

        The row of an event that failed or was quarantined before is overwritten, but a failure does not
        overwrite a quarantine. The receipt's body is kept with a quarantined event, but for client secrets.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        kept = event.receipt if outcome is Outcome.QUARANTINED else None
        parameters = {
            "event": json.dumps(_inbox_row(event)),
            "outcome": outcome.value,
            "reason": reason,
            "payload": None if kept is None else _SECRET.sub(r"\1null", kept.body),
        }
        rows = self._database.query(Statement(RECORD, parameters))
        return Verdict(rows[0]["word"]) if rows else Verdict.DUPLICATE

    def apply(self, event: StripeEvent, observation: Observation) -> Verdict:
        """Write the state with its inbox row if it is later than what stands.

        Returns APPLIED, STALE, DUPLICATE, or TIE when another state of the same second stands, in
        which case nothing is written; where the same state stands already, that is APPLIED and only the
        inbox changes. A deleted object is never brought back: STALE. But another object may have taken its id
        since; TIE if in the second of the deletion.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        return self._write(event, observation, revision=None)

    def apply_all(self, told: Sequence[tuple[StripeEvent | None, Observation]]) -> list[Verdict]:
        """Apply each observation as `apply` does, all in one transaction and one round trip.

        None as event: no event told of the state. Returns the verdict of each, in the order given. The order
        of writing is that of the objects' ids, so that two callers cannot wait for each other.

        Raises
        ------
        UnavailableError
            The database does not answer.
        RefusedError
            The database refused one of the states, or one of the events ended meanwhile; nothing was written.
        """
        if not told:
            return []
        order = sorted(range(len(told)), key=lambda place: told[place][1].state.id)
        rows = [_call(*told[place]) for place in order]
        try:
            words = self._database.call(APPLY_TOGETHER, (as_json(rows),)).split(" ")
        except psycopg.Error as error:
            raise RefusedError(type(error).__name__) from error
        self._forget_cards(seen.state for _, seen in told)
        verdicts = {place: _verdict(word) for place, word in zip(order, words, strict=True)}
        return [verdicts[place] for place in range(len(told))]

    def standing(self, kind: ObjectKind, object_id: str) -> Standing | None:
        """Return what the mirror holds of the object, None if nothing.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        rows = self._database.query(Statement(standing_statement(kind), {"id": object_id}))
        if not rows:
            return None
        row = rows[0]
        return Standing(row["revision"], utc(row["as_of"]), row["status"], row["deleted"])

    def settle(
        self, event: StripeEvent | None, observation: Observation | None, standing: Standing | None
    ) -> Verdict:
        """Write the state that settles a tie, if the object still stands as `standing` says.

        None as event: no event told of the state; there is an observation then.
        None as observation keeps what stands and records the event as STALE; so does any state of a deleted
        object, but for one that was created since, under the same id. Returns APPLIED, STALE, DUPLICATE, or
        MOVED when the object changed since `standing` was read, in which case nothing is written. The
        object's as_of never goes back, whatever the observation's is.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        revision = 0 if standing is None else standing.revision
        if observation is not None:
            return self._write(event, observation, revision=revision)
        # Nothing of the object is written: what stands stays, and the event, if there is one, is recorded.
        subject, as_of = _told(event)
        return self._send(event, kind_of(subject), subject.id, None, as_of, revision)

    def unknown_tax_rates(self, ids: Collection[str]) -> frozenset[str]:
        """Return those of the ids that the mirror holds no tax rate of.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        rows = self._database.query(Statement(SELECT_UNKNOWN_RATES, {"ids": list(ids)}))
        return frozenset(row["id"] for row in rows)

    def unknown_discounts(self, ids: Collection[str]) -> frozenset[str]:
        """Return those of the ids that the mirror holds no discount with its coupon of.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        rows = self._database.query(Statement(SELECT_UNKNOWN_DISCOUNTS, {"ids": list(ids)}))
        return frozenset(row["id"] for row in rows)

    def _write(self, event: StripeEvent | None, observation: Observation, *, revision: int | None) -> Verdict:
        state = observation.state
        return self._send(event, kind_of(state), state.id, state, observation.as_of, revision)

    def _send(
        self,
        event: StripeEvent | None,
        kind: ObjectKind,
        object_id: str,
        state: Snapshot | Deletion | None,
        as_of: datetime,
        revision: int | None,
    ) -> Verdict:
        parameters = (
            None if event is None else as_json(_inbox_row(event)),
            object_id,
            None if state is None else as_json(_state(state, event, as_of)),
            as_of.isoformat(),
            None if revision is None else str(revision),
        )
        word = self._database.call(apply_statement(kind), parameters)
        self._forget_cards(() if state is None else (state,))
        return _verdict(word)

    def _forget_cards(self, told: Iterable[Snapshot | Deletion]) -> None:
        """Forget the digits of the cards of deleted customers, where what was told may have to do with it."""
        customers = sorted(set(filter(None, map(_card_holder, told))))
        if customers:
            self._database.query(Statement(FORGET_CARDS, {"customers": customers}))


def _card_holder(state: Snapshot | Deletion) -> str | None:
    match state:
        case Deletion(kind=ObjectKind.CUSTOMER, id=customer) | PaymentMethod(customer=customer):
            return customer
        case _:
            return None


def _told(event: StripeEvent | None) -> tuple[Snapshot | Deletion | Mention, datetime]:
    if event is None or isinstance(event.content, NotMirrored | Unreadable | MeterErrors):
        raise TypeError("what mirrors nothing has no tie to settle")
    return event.content, event.created


def _call(event: StripeEvent | None, observation: Observation) -> Json:
    state = observation.state
    return {
        "function": function_of(kind_of(state)),
        "event": None if event is None else _inbox_row(event),
        "object": state.id,
        "state": _state(state, event, observation.as_of),
        "as_of": observation.as_of.isoformat(),
    }


def _verdict(word: str) -> Verdict:
    # What stands already is that state: the event ends as applied, and the revision stays.
    return Verdict.APPLIED if word == "unchanged" else Verdict(word)


def _state(state: Snapshot | Deletion, event: StripeEvent | None, as_of: datetime) -> Json:
    if not isinstance(state, Deletion):
        return _snapshot_state(state)
    # Only a deletion has no livemode of its own and uses the event's, or leaves what stands.
    livemode = {} if event is None else {"livemode": event.livemode}
    gone = {"id": state.id, **livemode, "deleted_at": as_of.isoformat()}
    if state.last is not None:
        # What the deletion does not tell stays as it stands.
        told = {name: value for name, value in _snapshot_state(state.last).items() if value is not None}
        return {**told, **gone}
    return {**gone, **_DELETIONS.get(state.kind, dict)()}


def _snapshot_state(state: Snapshot) -> Json:
    match state:
        case Customer():
            return customer_state(state)
        case Subscription():
            return subscription_state(state)
        case Invoice():
            return invoice_state(state)
        case CreditNote():
            return credit_note_state(state)
        case _:
            return plain_state(state)


def _inbox_row(event: StripeEvent | MalformedEvent) -> Json:
    row: Json = {"id": event.id, "type": event.type}
    if isinstance(event, StripeEvent):
        row |= {
            "api_version": event.api_version,
            "livemode": event.livemode,
            "created": event.created.isoformat(),
            "object_id": event.object_id,
        }
    if event.receipt is not None:
        row |= {"received_at": event.receipt.received_at.isoformat(), "attempts": event.receipt.attempt}
        if event.receipt.digest is not None:
            row["digest"] = rf"\x{event.receipt.digest}"
    return row
