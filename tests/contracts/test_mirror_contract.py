"""What every Mirror promises; the fake keeps it as PostgreSQL does."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.domain.invoices import InvoiceStatus
from billing.domain.mirror import (
    Deletion,
    MalformedEvent,
    NotMirrored,
    ObjectKind,
    Observation,
    Outcome,
    Unreadable,
    Verdict,
)
from tests.fakes.objects import SECOND, T0, a_customer, a_line, a_subscription, an_event, an_invoice

if TYPE_CHECKING:
    from billing.domain.mirror import Snapshot
    from tests.support.mirror_world import World

INVOICE = Deletion(ObjectKind.INVOICE, "in_1")
OPEN = an_invoice()
PAID = an_invoice(status=InvoiceStatus.PAID, paid_at=T0, lines=(a_line(1),))


@pytest.mark.parametrize(
    "state", [an_invoice(), a_customer(), a_subscription()], ids=lambda state: type(state).__name__
)
def test_first_state_of_an_object_stands(world: World, state: Snapshot) -> None:
    """Given nothing, when an object's first event comes, then it stands at revision 1 as of its second."""
    assert world.apply(an_event("evt_1", state, after=5)) is Verdict.APPLIED
    standing = world.mirror.standing(ObjectKind(type(state).__name__.lower()), state.id)
    assert standing is not None
    assert (standing.revision, standing.as_of, standing.deleted) == (1, T0 + 5 * SECOND, False)
    assert standing.status == getattr(state, "status", None)
    assert world.outcome("evt_1") == Outcome.APPLIED


def test_unknown_object_has_no_standing(world: World) -> None:
    """Given nothing, when an object's standing is asked for, then there is none."""
    assert world.mirror.standing(ObjectKind.CUSTOMER, "cus_none") is None


def test_every_field_of_an_invoice_survives(world: World) -> None:
    """Given an invoice with taxes, discounts and Unicode, when mirrored, then it reads back equal."""
    world.apply(an_event("evt_1", OPEN))
    assert world.invoice() == OPEN


def test_every_field_of_a_customer_survives(world: World) -> None:
    """Given a customer with an address and locales, when mirrored, then it reads back equal."""
    world.apply(an_event("evt_1", a_customer()))
    assert world.reader.customer("cus_1") == a_customer()


def test_newer_state_replaces_with_its_lines(world: World) -> None:
    """Given an invoice of two lines, when a newer state has one line, then exactly that stands."""
    world.apply(an_event("evt_1", OPEN))
    assert world.apply(an_event("evt_2", PAID, after=1)) is Verdict.APPLIED
    assert world.invoice() == PAID
    assert world.revision() == 2


def test_older_state_is_recorded_but_not_written(world: World) -> None:
    """Given a newer state, when an older event comes, then it is stale and changes nothing."""
    world.apply(an_event("evt_2", PAID, after=1))
    assert world.apply(an_event("evt_1", OPEN)) is Verdict.STALE
    assert (world.invoice(), world.revision()) == (PAID, 1)
    assert world.outcome("evt_1") == Outcome.STALE


def test_tie_writes_nothing(world: World) -> None:
    """Given a state, when another event of the same second comes, then it is a tie and not even recorded."""
    world.apply(an_event("evt_1", OPEN))
    assert world.apply(an_event("evt_2", PAID)) is Verdict.TIE
    assert (world.invoice(), world.revision()) == (OPEN, 1)
    assert world.outcome("evt_2") is None


@pytest.mark.parametrize(
    "state", [OPEN, an_invoice(lines=()), a_customer(), a_subscription()], ids=lambda s: type(s).__name__
)
def test_same_state_of_the_same_second_is_no_tie(world: World, state: Snapshot) -> None:
    """Given a state, when another event of its second brings the same state, then only the inbox changes.

    invoice.paid and invoice.payment_succeeded come like that: nobody need be asked which of two equal states
    is the later one.
    """
    kind = ObjectKind(type(state).__name__.lower())
    world.apply(an_event("evt_1", state))
    assert world.apply(an_event("evt_2", state)) is Verdict.APPLIED
    assert (world.revision(kind, state.id), world.outcome("evt_2")) == (1, Outcome.APPLIED)
    assert world.apply(an_event("evt_2", state)) is Verdict.DUPLICATE


def test_state_that_differs_in_a_line_alone_is_a_tie(world: World) -> None:
    """Given an invoice, when an event of its second differs in one line or has one less, it is a tie."""
    world.apply(an_event("evt_1", an_invoice(lines=(a_line(1), a_line(2)))))
    for lines in (
        (a_line(1), a_line(2, description="other")),
        (a_line(1),),
        (a_line(1), a_line(2), a_line(3)),
    ):
        assert world.apply(an_event("evt_2", an_invoice(lines=lines))) is Verdict.TIE
    assert world.revision() == 1


def test_event_counts_once(world: World) -> None:
    """Given an applied event, when it is delivered again, then it is a duplicate, also when stale or tied."""
    event = an_event("evt_1", OPEN)
    assert world.apply(event) is Verdict.APPLIED
    assert world.apply(event) is Verdict.DUPLICATE
    world.apply(an_event("evt_2", PAID, after=1))
    assert world.apply(event) is Verdict.DUPLICATE
    assert world.revision() == 2


def test_known_event_has_no_effect_on_an_unknown_object(world: World) -> None:
    """Given an event kept as ignored, when the same id comes with a state, then nothing is written."""
    world.mirror.record(an_event("evt_1", NotMirrored()), Outcome.IGNORED, None)
    assert world.apply(an_event("evt_1", OPEN)) is Verdict.DUPLICATE
    assert world.mirror.standing(ObjectKind.INVOICE, "in_1") is None


def test_many_are_applied_at_once(world: World) -> None:
    """Given states of several objects, one of a known event, when applied at once, each has a verdict."""
    world.apply(an_event("evt_1", OPEN, after=5))
    told = [
        (an_event("evt_3", a_subscription()), Observation(a_subscription(), T0)),
        (an_event("evt_1", OPEN), Observation(OPEN, T0)),
        (an_event("evt_2", PAID, after=5), Observation(PAID, T0 + 5 * SECOND)),
        (an_event("evt_4", PAID, after=1), Observation(PAID, T0 + SECOND)),
        (None, Observation(a_customer(), T0)),
        (an_event("evt_5", INVOICE, after=6), Observation(INVOICE, T0 + 6 * SECOND)),
    ]
    assert list(world.mirror.apply_all(told)) == [
        Verdict.APPLIED,
        Verdict.DUPLICATE,
        Verdict.TIE,
        Verdict.STALE,
        Verdict.APPLIED,
        Verdict.APPLIED,
    ]
    assert world.invoice() is None
    assert world.reader.customer("cus_1") == a_customer()
    outcomes = [world.outcome(f"evt_{number}") for number in range(1, 6)]
    assert outcomes == [Outcome.APPLIED, None, Outcome.APPLIED, Outcome.STALE, Outcome.APPLIED]


def test_states_of_one_object_are_applied_in_their_order(world: World) -> None:
    """Given three states of one invoice in one call, when applied, then the newest stands with its lines."""
    told = [
        (an_event("evt_1", OPEN), Observation(OPEN, T0)),
        (an_event("evt_2", PAID, after=2), Observation(PAID, T0 + 2 * SECOND)),
        (an_event("evt_3", OPEN, after=1), Observation(OPEN, T0 + SECOND)),
    ]
    assert list(world.mirror.apply_all(told)) == [Verdict.APPLIED, Verdict.APPLIED, Verdict.STALE]
    assert (world.invoice(), world.revision()) == (PAID, 2)


@pytest.mark.parametrize("before", [Outcome.FAILED, Outcome.QUARANTINED])
def test_an_event_that_had_not_ended_ends_with_others(world: World, before: Outcome) -> None:
    """Given an event that failed or was quarantined, when applied with another one, then both end applied."""
    event = an_event("evt_1", OPEN)
    world.mirror.record(event, before, "why")
    told = [
        (event, Observation(OPEN, T0)),
        (an_event("evt_2", a_subscription()), Observation(a_subscription(), T0)),
    ]
    assert list(world.mirror.apply_all(told)) == [Verdict.APPLIED, Verdict.APPLIED]
    assert [world.outcome("evt_1"), world.outcome("evt_2")] == [Outcome.APPLIED, Outcome.APPLIED]


def test_an_event_that_comes_twice_in_one_call_counts_once(world: World) -> None:
    """Given one event twice in one call, when applied, then the second one is a duplicate."""
    told = [(an_event("evt_1", OPEN), Observation(OPEN, T0))] * 2
    assert list(world.mirror.apply_all(told)) == [Verdict.APPLIED, Verdict.DUPLICATE]
    assert world.revision() == 1


def test_an_event_about_two_objects_in_one_call_counts_once(world: World) -> None:
    """Given one event with three unknown invoices in one call, when applied, then the first stands."""
    told = [
        (an_event("evt_1", state), Observation(state, T0))
        for state in (OPEN, an_invoice(id="in_2"), an_invoice(id="in_3"))
    ]
    assert list(world.mirror.apply_all(told)) == [Verdict.APPLIED, Verdict.DUPLICATE, Verdict.DUPLICATE]
    assert world.mirror.standing(ObjectKind.INVOICE, "in_2") is None


def test_nothing_is_applied_of_nothing(world: World) -> None:
    """Given no states, when applied at once, then there are no verdicts."""
    assert list(world.mirror.apply_all([])) == []


@pytest.mark.parametrize("again", list(Outcome))
def test_an_ignored_event_stays_so(world: World, again: Outcome) -> None:
    """Given an ignored event, when it is recorded again in any way, then the first outcome stays."""
    event = an_event("evt_1", NotMirrored())
    assert world.mirror.record(event, Outcome.IGNORED, None) is Verdict.APPLIED
    assert world.mirror.record(event, again, "why") is Verdict.DUPLICATE
    assert world.outcome("evt_1") == Outcome.IGNORED


@pytest.mark.parametrize("first", [Outcome.FAILED, Outcome.QUARANTINED])
@pytest.mark.parametrize("then", [Outcome.IGNORED, Outcome.QUARANTINED])
def test_what_failed_or_was_quarantined_may_end_otherwise(
    world: World, first: Outcome, then: Outcome
) -> None:
    """Given an event that failed or is quarantined, when it is judged again, then the new outcome stands."""
    event = an_event("evt_1", Unreadable("no id"))
    assert world.mirror.record(event, first, "no id") is Verdict.APPLIED
    assert world.mirror.record(event, then, "no name") is Verdict.APPLIED
    assert world.outcome("evt_1") == then


def test_a_failure_hides_no_quarantine(world: World) -> None:
    """Given a quarantined event, when judging it again fails, then it stays quarantined with its reason."""
    event = an_event("evt_1", Unreadable("no id"))
    world.mirror.record(event, Outcome.QUARANTINED, "no id")
    assert world.mirror.record(event, Outcome.FAILED, "UnavailableError") is Verdict.DUPLICATE
    assert world.outcome("evt_1") == Outcome.QUARANTINED


@pytest.mark.parametrize("first", [Outcome.FAILED, Outcome.QUARANTINED])
def test_what_failed_or_was_quarantined_is_applied_after_all(world: World, first: Outcome) -> None:
    """Given an event that failed or is quarantined, when it can be applied, then it is, once."""
    world.mirror.record(an_event("evt_1", Unreadable("no id")), first, "no id")
    assert world.apply(an_event("evt_1", OPEN)) is Verdict.APPLIED
    assert world.apply(an_event("evt_1", OPEN)) is Verdict.DUPLICATE
    assert (world.outcome("evt_1"), world.invoice()) == (Outcome.APPLIED, OPEN)


def test_a_tie_of_a_failed_event_is_a_tie(world: World) -> None:
    """Given an event that failed, when it ties with what stands, then it is no duplicate."""
    world.apply(an_event("evt_1", OPEN))
    world.mirror.record(an_event("evt_2", PAID), Outcome.FAILED, "ContentionError")
    assert world.apply(an_event("evt_2", PAID)) is Verdict.TIE


def test_a_malformed_event_is_kept(world: World) -> None:
    """Given an event without livemode, when it is quarantined, then the inbox has it."""
    event = MalformedEvent("evt_1", "invoice.paid", "event.livemode: missing")
    assert world.mirror.record(event, Outcome.QUARANTINED, event.reason) is Verdict.APPLIED
    assert world.outcome("evt_1") == Outcome.QUARANTINED


def test_deletion_is_final(world: World) -> None:
    """Given a deleted invoice, when a later state of it comes, then it is stale and stays unseen."""
    world.apply(an_event("evt_1", OPEN))
    assert world.apply(an_event("evt_2", INVOICE, after=1)) is Verdict.APPLIED
    assert world.invoice() is None
    assert world.apply(an_event("evt_3", OPEN, after=2)) is Verdict.STALE
    standing = world.mirror.standing(ObjectKind.INVOICE, "in_1")
    assert standing is not None
    assert standing.deleted


@pytest.mark.parametrize("after", [0, 5, 9])
def test_deletion_wins_whatever_its_second(world: World, after: int) -> None:
    """Given a state of second 5, when a deletion of an earlier, the same or a later second comes, it wins."""
    world.apply(an_event("evt_1", OPEN, after=5))
    assert world.apply(an_event("evt_2", INVOICE, after=after)) is Verdict.APPLIED
    standing = world.mirror.standing(ObjectKind.INVOICE, "in_1")
    assert standing is not None
    assert (standing.deleted, standing.as_of) == (True, T0 + max(5, after) * SECOND)


@pytest.mark.parametrize("state", [OPEN, a_customer(), a_subscription()], ids=lambda s: type(s).__name__)
def test_deletion_may_come_first(world: World, state: Snapshot) -> None:
    """Given a deletion of an unknown object, when its creation comes after it, then that is stale."""
    gone = Deletion(ObjectKind(type(state).__name__.lower()), state.id)
    assert world.apply(an_event("evt_2", gone, after=1)) is Verdict.APPLIED
    assert world.apply(an_event("evt_1", state)) is Verdict.STALE
    standing = world.mirror.standing(gone.kind, gone.id)
    assert standing is not None
    assert (standing.deleted, standing.status, standing.revision) == (True, None, 1)


def test_deleted_customer_is_not_shown(world: World) -> None:
    """Given a mirrored customer, when deleted at Stripe, then it cannot be read any more."""
    world.apply(an_event("evt_1", a_customer()))
    world.apply(an_event("evt_2", Deletion(ObjectKind.CUSTOMER, "cus_1"), after=1))
    assert world.reader.customer("cus_1") is None


@settings(
    max_examples=30,
    deadline=None,
    # The world is shared by the examples of one test; each example has objects of its own.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(order=st.permutations(range(6)), repeats=st.lists(st.integers(0, 5), max_size=4))
def test_any_order_ends_in_the_newest_state(world: World, order: list[int], repeats: list[int]) -> None:
    """Given events of distinct seconds, when delivered in any order and again, then the newest stands."""
    key = uuid.uuid4().hex
    states = [
        replace(
            OPEN, id=f"in_{key}", number=str(n), lines=tuple(a_line(i) for i in range(1, 1 + (n * 2) % 5))
        )
        for n in range(6)
    ]
    for number in [*order, *repeats]:
        world.apply(an_event(f"evt_{key}_{number}", states[number], after=number))
    assert world.invoice(f"in_{key}") == states[5]
    newest_first = [number for place, number in enumerate(order) if number == max(order[: place + 1])]
    assert world.revision(object_id=f"in_{key}") == len(newest_first)


def test_a_deletion_that_nobody_told_of_is_final(world: World) -> None:
    """Given a mirrored invoice, when it is seen deleted without an event, then no later state revives it."""
    world.apply(an_event("evt_1", OPEN))
    [verdict] = world.mirror.apply_all([(None, Observation(INVOICE, T0 + SECOND))])
    assert (verdict, world.invoice()) == (Verdict.APPLIED, None)
    assert world.apply(an_event("evt_2", PAID, after=9)) is Verdict.STALE
    standing = world.mirror.standing(ObjectKind.INVOICE, "in_1")
    assert world.mirror.settle(None, Observation(PAID, T0 + 9 * SECOND), standing) is Verdict.STALE
