"""A batch that is applied at once ends as if each of it had come alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from billing.adapters.postgres.mirror import PostgresMirror
from billing.domain.invoices import InvoiceStatus
from billing.domain.mirror import Deletion, ObjectKind, Observation, Outcome
from tests.fakes.objects import SECOND, T0, a_customer, a_line, an_event, an_invoice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from billing.adapters.postgres.connection import Connection, Database
    from billing.domain.mirror import Snapshot, StripeEvent, Verdict

    type Told = tuple[StripeEvent | None, Observation]

_TABLES = ("invoice_line_items", "invoices", "customers", "stripe_webhook_events")


def states_of(number: int) -> list[Snapshot | Deletion]:
    """Return states that an invoice or a customer of this number may have."""
    name = f"in_{number}"
    return [
        an_invoice(id=name),
        an_invoice(id=name, status=InvoiceStatus.PAID, paid_at=T0, lines=(a_line(1),)),
        an_invoice("jpy", id=name, lines=(), customer="cus_2"),
        Deletion(ObjectKind.INVOICE, name),
        a_customer(id=f"cus_{number}"),
    ]


def told(number: int, state: int, after: int, event: int) -> Told:
    """Return a state as of `after` seconds, and the event that tells it, none for 0."""
    seen = states_of(number)[state]
    if isinstance(seen, Deletion):
        # What it says of an unknown object is its event's mode.
        event = event or number
    as_of = T0 + after * SECOND
    return (an_event(f"evt_{event}", seen, after=after) if event else None), Observation(seen, as_of)


# Mostly invoices that come once, since these have a way of their own.
_TOLD = st.builds(
    told, st.integers(1, 9), st.sampled_from([0, 0, 0, 1, 2, 3, 4]), st.integers(0, 2), st.integers(0, 9)
)
_NEW = [told(n, 0, 0, n) for n in range(1, 4)]


def ended(
    worker: Database,
    owner: Connection,
    before: Sequence[Told],
    failed: int,
    batches: Sequence[Sequence[Told]],
) -> tuple[list[Verdict], list[Any]]:
    """Return the verdicts and what stands after the batches, on what `before` and a failed event left."""
    mirror = PostgresMirror(worker)
    for table in _TABLES:
        owner.execute(f"DELETE FROM {table}")  # noqa: S608 - one of ours
    for each in before:
        mirror.apply_all([each])
    mirror.record(an_event(f"evt_{failed}", an_invoice()), Outcome.FAILED, "why")
    verdicts = [verdict for batch in batches for verdict in mirror.apply_all(batch)]
    standing = [
        row["row"]
        for table in _TABLES
        for row in owner.execute(
            "SELECT to_jsonb(t) - '{received_at,ended_at}'::text[] AS row"  # noqa: S608 - as above
            f" FROM {table} AS t ORDER BY 1"
        )
    ]
    return verdicts, standing


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(before=st.lists(_TOLD, max_size=4), failed=st.integers(1, 9), batch=st.lists(_TOLD, max_size=12))
@example(before=[], failed=9, batch=_NEW)
@example(before=[], failed=1, batch=[*_NEW, told(4, 0, 0, 1)])  # one event about two new invoices
@example(before=[], failed=9, batch=[*_NEW, told(3, 1, 1, 4)])  # one new invoice twice
@example(before=[told(1, 0, 0, 1)], failed=9, batch=[*_NEW, told(5, 3, 0, 5)])  # a known event, a deletion
def test_a_batch_ends_as_its_states_would_one_by_one(
    worker_database: Database, owner: Connection, before: list[Told], failed: int, batch: list[Told]
) -> None:
    """Given anything that stands, when states come at once or one by one, then they end alike."""
    # Together they are written in the order of their objects' ids.
    order = sorted(range(len(batch)), key=lambda place: batch[place][1].state.id)
    alone, expected = ended(worker_database, owner, before, failed, [[batch[place]] for place in order])
    together, standing = ended(worker_database, owner, before, failed, [batch])
    assert [together[place] for place in order] == alone
    assert standing == expected
