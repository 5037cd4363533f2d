from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from billing.domain.errors import ContentionError, RefusedError, UnavailableError
from billing.domain.mirror import (
    Deletion,
    MalformedEvent,
    Mention,
    NotMirrored,
    ObjectKind,
    Outcome,
    Unreadable,
)
from billing.use_cases.apply_stripe_event import ROUNDS, Applied, ApplyStripeEvent
from tests.fakes.mirror import FakeMirror
from tests.support.stripe_world import (
    DRAFT,
    GONE,
    OPEN,
    PAID,
    SECOND,
    T0,
    World,
    an_event,
    an_invoice,
    snapshot,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from billing.domain.mirror import Observation, Snapshot, StripeEvent, Verdict


@pytest.fixture
def world() -> World:
    return World()


def test_a_first_event_is_applied_without_asking_stripe(world: World) -> None:
    """Given an empty mirror, when an event comes, then its state stands and Stripe was not asked."""
    assert world.apply(an_event(OPEN)) == Applied(Outcome.APPLIED)
    assert world.state() == OPEN
    assert world.stripe.asked == 0


def test_a_second_delivery_is_a_duplicate(world: World) -> None:
    """Given an applied event, when it comes again, then it is a duplicate and nothing changes."""
    world.apply(an_event(OPEN))
    assert world.apply(an_event(OPEN)) == Applied(None)
    assert world.state() == OPEN


def test_an_older_event_is_stale(world: World) -> None:
    """Given a paid invoice, when an event of an earlier second comes, then the paid state stays."""
    world.apply(an_event(PAID, "evt_2", after=1))
    assert world.apply(an_event(OPEN, "evt_1")) == Applied(Outcome.STALE)
    assert world.state() == PAID


def test_a_tie_is_settled_by_asking_stripe(world: World) -> None:
    """Given two states of one second, when the second comes, then Stripe's word stands."""
    world.stripe.put(PAID)
    world.apply(an_event(PAID, "evt_2"))
    assert world.apply(an_event(OPEN, "evt_1")) == Applied(Outcome.APPLIED, asked_stripe=True)
    assert world.state() == PAID
    assert world.stripe.asked == 1


def test_one_answer_of_stripe_makes_all_older_events_stale(world: World) -> None:
    """Given a tie settled at Stripe's time, when more events of that second come, then no call is made."""
    world.stripe.put(PAID)
    for n in range(10):
        world.apply(an_event(an_invoice("open", description=str(n)), f"evt_{n}"))
    assert world.state() == PAID
    assert world.stripe.asked == 1


def test_an_answer_never_stands_as_older_than_the_event(world: World) -> None:
    """Given a Stripe whose clock runs behind, when a tie is settled, then as_of does not go back."""
    world.stripe.now = T0 - 60 * SECOND
    world.stripe.put(PAID)
    world.apply(an_event(OPEN, "evt_1"))
    world.apply(an_event(DRAFT, "evt_2"))
    standing = world.mirror.standing(ObjectKind.INVOICE, "in_1")
    assert standing is not None
    assert standing.as_of == T0


def test_a_tie_of_an_object_that_stripe_forgot_never_runs_backwards(world: World) -> None:
    """Given Stripe not knowing the invoice, when a draft ties with open, then open stays."""
    world.apply(an_event(OPEN, "evt_2"))
    assert world.apply(an_event(DRAFT, "evt_1")) == Applied(Outcome.STALE, asked_stripe=True)
    assert world.state() == OPEN


def test_a_tie_of_an_object_that_stripe_forgot_runs_forwards(world: World) -> None:
    """Given Stripe not knowing the invoice, when paid ties with open, then paid stands as of its event."""
    world.apply(an_event(OPEN, "evt_1"))
    assert world.apply(an_event(PAID, "evt_2")) == Applied(Outcome.APPLIED, asked_stripe=True)
    standing = world.mirror.standing(ObjectKind.INVOICE, "in_1")
    assert standing is not None
    assert (world.state(), standing.as_of) == (PAID, T0)


def test_a_tie_with_an_object_deleted_at_stripe_deletes_it(world: World) -> None:
    """Given a customer deleted at Stripe, when a tie is settled, then the customer is gone for good."""
    alice = snapshot("customer.updated", name="Alice")
    renamed = snapshot("customer.updated", name="Alicia")
    world.apply(an_event(alice, "evt_1"))
    world.stripe.put(Deletion(ObjectKind.CUSTOMER, "cus_1"))
    assert world.apply(an_event(renamed, "evt_2")).outcome is Outcome.APPLIED
    standing = world.mirror.standing(ObjectKind.CUSTOMER, "cus_1")
    assert standing is not None
    assert standing.deleted


def test_a_deletion_is_final(world: World) -> None:
    """Given a deletion, when events of the same and of a later second come, then it stays deleted."""
    world.apply(an_event(OPEN, "evt_1"))
    assert world.apply(an_event(GONE, "evt_2")).outcome is Outcome.APPLIED
    world.stripe.put(OPEN)
    assert world.apply(an_event(PAID, "evt_3")).outcome is Outcome.STALE
    assert world.apply(an_event(PAID, "evt_4", after=9)).outcome is Outcome.STALE
    standing = world.mirror.standing(ObjectKind.INVOICE, "in_1")
    assert standing is not None
    assert standing.deleted


def test_missing_lines_are_asked_of_stripe(world: World) -> None:
    """Given an event with the first lines only, when it comes, then the whole invoice stands."""
    world.stripe.put(OPEN)
    first = replace(OPEN, lines=(), lines_complete=False)
    assert world.apply(an_event(first)) == Applied(Outcome.APPLIED, asked_stripe=True)
    assert world.state() == OPEN


def test_missing_lines_of_an_overtaken_event_cost_no_call(world: World) -> None:
    """Given a later state, when an older event with the first lines only comes, then Stripe is not asked."""
    world.apply(an_event(PAID, "evt_2", after=5))
    first = replace(OPEN, lines=(), lines_complete=False)
    assert world.apply(an_event(first, "evt_1")) == Applied(Outcome.STALE)
    assert (world.state(), world.stripe.asked) == (PAID, 0)


def test_an_incomplete_invoice_that_stripe_forgot_is_quarantined(world: World) -> None:
    """Given the first lines only and Stripe not knowing the invoice, when it comes, then no half stands."""
    applied = world.apply(an_event(replace(OPEN, lines=(), lines_complete=False)))
    assert applied.outcome is Outcome.QUARANTINED
    assert applied.reason == "invoice: incomplete, and Stripe does not know it any more"
    assert world.state() is None


def test_an_incomplete_subscription_is_asked_of_stripe(world: World) -> None:
    """Given an event with the first items only, when it comes, then the whole subscription stands."""
    whole = snapshot("customer.subscription.updated")
    world.stripe.put(whole)
    more = snapshot("customer.subscription.updated", items={"data": [], "has_more": True})
    assert world.apply(an_event(more)).asked_stripe
    assert world.state(ObjectKind.SUBSCRIPTION, "sub_1") == whole


def test_while_stripe_is_away_nothing_is_written(world: World) -> None:
    """Given a tie and Stripe away, when the event comes, then it fails, and a later try settles it."""
    world.apply(an_event(OPEN, "evt_1"))
    world.stripe.away = True
    with pytest.raises(UnavailableError):
        world.apply(an_event(PAID, "evt_2"))
    assert world.state() == OPEN
    world.stripe.away = False
    world.stripe.put(PAID)
    assert world.apply(an_event(PAID, "evt_2")).outcome is Outcome.APPLIED


def test_what_cannot_be_read_is_quarantined_with_its_reason(world: World) -> None:
    """Given an unreadable payload, when it comes, then the inbox has it with the reason, each time anew."""
    unreadable = an_event(Unreadable("invoice.parent: missing"))
    said = Applied(Outcome.QUARANTINED, reason="invoice.parent: missing")
    assert world.apply(unreadable) == said
    assert world.apply(unreadable) == said
    assert world.state() is None


def test_a_failure_is_kept_until_a_later_try_ends(world: World) -> None:
    """Given an event whose try failed, when it is applied after all, then the inbox says applied."""
    world.apply.failed(an_event(PAID), "UnavailableError")
    assert world.mirror.inbox == {"evt_1": Outcome.FAILED}
    assert world.apply(an_event(PAID)).outcome is Outcome.APPLIED
    assert (world.mirror.inbox, world.mirror.reasons) == ({"evt_1": Outcome.APPLIED}, {})


def test_a_malformed_event_is_quarantined(world: World) -> None:
    """Given an event without livemode, when it comes, then it is quarantined; it cannot fail."""
    malformed = MalformedEvent("evt_1", "invoice.paid", "event.livemode: missing")
    world.apply.failed(malformed, "UnavailableError")
    assert world.mirror.inbox == {}
    assert world.apply(malformed) == Applied(Outcome.QUARANTINED, reason="event.livemode: missing")


def test_events_are_applied_together_but_for_those_that_ask(world: World) -> None:
    """Given a batch, when applied together, then ties, mentions, ignored and unread ones are left over."""
    world.apply(an_event(OPEN, "evt_0", after=9))
    batch = [
        an_event(DRAFT, "evt_1", after=1),
        an_event(PAID, "evt_2", after=9),
        an_event(NotMirrored(), "evt_3"),
        an_event(Unreadable("invoice.id: missing"), "evt_4"),
        an_event(OLD, "evt_5"),
        replace(an_event(PAID, "evt_6", after=12), livemode=True),
        an_event(PAID, "evt_7", after=11),
        an_event(OPEN, "evt_0", after=9),
    ]
    assert world.apply.together(batch) == {
        "evt_0": Applied(None),
        "evt_1": Applied(Outcome.STALE),
        "evt_7": Applied(Outcome.APPLIED),
    }
    assert (world.state(), world.stripe.asked) == (PAID, 0)


def test_a_refused_batch_is_left_whole() -> None:
    """Given a database that refuses one of the states, when a batch is applied, then it is for one by one."""

    class RefusingMirror(FakeMirror):
        def apply_all(self, told: Sequence[tuple[StripeEvent | None, Observation]]) -> list[Verdict]:
            raise RefusedError(f"one of {len(told)}")

    mirror = RefusingMirror()
    apply = ApplyStripeEvent(mirror, World().stripe, livemode=False)
    assert apply.together([an_event(OPEN), an_event(PAID, "evt_2", after=1)]) == {}
    assert mirror.inbox == {}


OLD = Mention(ObjectKind.INVOICE, "in_1", "invoice.status: missing (in 2016-07-06)")


def test_what_an_old_payload_only_mentions_is_fetched(world: World) -> None:
    """Given an event of an old version that does not tell the state, when it comes, then Stripe's stands."""
    world.stripe.put(PAID)
    assert world.apply(an_event(OLD)) == Applied(Outcome.APPLIED, asked_stripe=True)
    assert world.state() == PAID


def test_what_is_only_mentioned_and_gone_is_quarantined(world: World) -> None:
    """Given an object that Stripe does not know either, when it is mentioned, then the reason says it all."""
    reason = "invoice.status: missing (in 2016-07-06), and Stripe does not know it any more"
    assert world.apply(an_event(OLD)) == Applied(Outcome.QUARANTINED, reason=reason)
    assert world.state() is None


def test_a_mention_that_was_overtaken_asks_nobody(world: World) -> None:
    """Given a state later than an old event's mention of it, when that comes, then it is stale."""
    world.apply(an_event(PAID, "evt_2", after=5))
    world.stripe.away = True
    assert world.apply(an_event(OLD)).outcome is Outcome.STALE


def test_what_is_not_mirrored_is_ignored(world: World) -> None:
    """Given an event type that changes nothing here, when it comes, then the inbox has it as ignored."""
    assert world.apply(an_event(NotMirrored())) == Applied(Outcome.IGNORED)


@pytest.mark.parametrize("content", [OPEN, GONE, NotMirrored(), Unreadable("x")])
def test_an_event_of_the_other_mode_is_quarantined(
    world: World, content: Snapshot | Deletion | NotMirrored | Unreadable
) -> None:
    """Given a mirror of test mode, when a live event comes, then it is quarantined, never applied."""
    applied = world.apply(replace(an_event(content), livemode=True))
    assert applied == Applied(Outcome.QUARANTINED, reason="livemode: an event of live mode")
    assert world.state() is None


def test_an_object_that_moves_is_asked_anew() -> None:
    """Given rivals that write in two rounds, when a tie is settled, then the third round does it."""
    world = World(times=ROUNDS - 1)
    world.stripe.put(PAID)
    world.apply(an_event(OPEN, "evt_1"))
    assert world.apply(an_event(DRAFT, "evt_2")).outcome is Outcome.APPLIED
    assert (world.state(), world.stripe.asked) == (PAID, ROUNDS)


def test_an_object_that_never_rests_is_left_for_a_later_delivery() -> None:
    """Given rivals that write in every round, when a tie is settled, then it fails within bounds."""
    world = World(times=ROUNDS * 2)
    world.stripe.put(PAID)
    world.apply(an_event(OPEN, "evt_1"))
    with pytest.raises(ContentionError):
        world.apply(an_event(DRAFT, "evt_2"))
    assert world.moving.rounds == ROUNDS
    world.moving.left = 0
    assert world.apply(an_event(DRAFT, "evt_2")).outcome is Outcome.APPLIED
