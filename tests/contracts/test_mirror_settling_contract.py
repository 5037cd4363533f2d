"""What every Mirror promises of a tie that is settled; the fake keeps it as PostgreSQL does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.domain.invoices import InvoiceStatus
from billing.domain.mirror import (
    Deletion,
    ObjectKind,
    Observation,
    Outcome,
    Verdict,
)
from tests.fakes.objects import SECOND, T0, a_line, an_event, an_invoice

if TYPE_CHECKING:
    from tests.support.mirror_world import World

INVOICE = Deletion(ObjectKind.INVOICE, "in_1")
OPEN = an_invoice()
PAID = an_invoice(status=InvoiceStatus.PAID, paid_at=T0, lines=(a_line(1),))


def test_settling_writes_over_what_stood(world: World) -> None:
    """Given a tie, when settled with Stripe's state, then that stands and older events become stale."""
    world.apply(an_event("evt_1", OPEN))
    standing = world.mirror.standing(ObjectKind.INVOICE, "in_1")
    fetched = Observation(PAID, T0 + 9 * SECOND)
    assert world.mirror.settle(an_event("evt_2", PAID), fetched, standing) is Verdict.APPLIED
    assert world.invoice() == PAID
    assert world.outcome("evt_2") == Outcome.APPLIED
    assert world.apply(an_event("evt_3", OPEN, after=8)) is Verdict.STALE


def test_settling_an_unknown_object_inserts_it(world: World) -> None:
    """Given nothing, when an incomplete snapshot is settled by a fetched state, then that stands."""
    fetched = Observation(OPEN, T0 + SECOND)
    assert world.mirror.settle(an_event("evt_1", OPEN), fetched, None) is Verdict.APPLIED
    assert (world.invoice(), world.revision()) == (OPEN, 1)


def test_settling_fails_when_the_object_moved(world: World) -> None:
    """Given a standing that was read, when the object changes before settling, then nothing is written."""
    world.apply(an_event("evt_1", OPEN))
    standing = world.mirror.standing(ObjectKind.INVOICE, "in_1")
    world.apply(an_event("evt_2", PAID, after=1))
    late = an_event("evt_3", OPEN)
    assert world.mirror.settle(late, Observation(OPEN, T0 + 9 * SECOND), standing) is Verdict.MOVED
    assert world.mirror.settle(late, None, standing) is Verdict.MOVED
    assert (world.invoice(), world.revision()) == (PAID, 2)
    assert world.outcome("evt_3") is None


def test_settling_nothing_fails_when_something_appeared(world: World) -> None:
    """Given no standing was found, when the object appears before settling, then nothing is written."""
    world.apply(an_event("evt_1", OPEN))
    late = an_event("evt_2", PAID)
    assert world.mirror.settle(late, Observation(PAID, T0 + 9 * SECOND), None) is Verdict.MOVED
    assert world.mirror.settle(late, None, None) is Verdict.MOVED
    assert world.invoice() == OPEN


def test_settling_may_keep_what_stands(world: World) -> None:
    """Given a tie that what stands has won, when settled with None, then the event is stale."""
    world.apply(an_event("evt_1", PAID))
    standing = world.mirror.standing(ObjectKind.INVOICE, "in_1")
    assert world.mirror.settle(an_event("evt_2", OPEN), None, standing) is Verdict.STALE
    assert (world.invoice(), world.revision()) == (PAID, 1)
    assert world.outcome("evt_2") == Outcome.STALE


def test_settling_a_known_event_is_a_duplicate(world: World) -> None:
    """Given an applied event, when settled by a second worker, then it is a duplicate."""
    event = an_event("evt_1", OPEN)
    world.apply(event)
    standing = world.mirror.standing(ObjectKind.INVOICE, "in_1")
    fetched = Observation(PAID, T0 + SECOND)
    assert world.mirror.settle(event, fetched, standing) is Verdict.DUPLICATE
    assert world.mirror.settle(event, None, standing) is Verdict.DUPLICATE
    assert world.invoice() == OPEN


def test_settling_never_brings_a_deleted_object_back(world: World) -> None:
    """Given a deleted invoice, when an event of it is settled with a state, then it is stale."""
    world.apply(an_event("evt_1", INVOICE))
    standing = world.mirror.standing(ObjectKind.INVOICE, "in_1")
    fetched = Observation(OPEN, T0 + 9 * SECOND)
    assert world.mirror.settle(an_event("evt_2", OPEN), fetched, standing) is Verdict.STALE
    assert world.invoice() is None


def test_settling_does_not_move_time_back(world: World) -> None:
    """Given a state as of a second, when settled by one stamped earlier, then its as_of stays."""
    world.apply(an_event("evt_1", OPEN, after=5))
    standing = world.mirror.standing(ObjectKind.INVOICE, "in_1")
    world.mirror.settle(an_event("evt_2", PAID, after=5), Observation(PAID, T0), standing)
    settled = world.mirror.standing(ObjectKind.INVOICE, "in_1")
    assert settled is not None
    assert (settled.as_of, settled.revision) == (T0 + 5 * SECOND, 2)


def test_a_tie_is_settled_without_an_event(world: World) -> None:
    """Given a state that nobody told of, when settled, then it stands if the object stood as said."""
    world.apply(an_event("evt_1", OPEN))
    standing = world.mirror.standing(ObjectKind.INVOICE, "in_1")
    assert world.mirror.settle(None, Observation(PAID, T0), standing) is Verdict.APPLIED
    assert world.mirror.settle(None, Observation(OPEN, T0), standing) is Verdict.MOVED
    assert (world.invoice(), world.revision(), world.outcome("")) == (PAID, 2, None)
