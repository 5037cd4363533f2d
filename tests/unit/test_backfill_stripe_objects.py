from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.errors import ContentionError, RefusedError, UnavailableError
from billing.domain.invoices import InvoiceStatus
from billing.domain.mirror import Deletion, ObjectKind, Observation
from billing.domain.money import Money
from billing.domain.recovery import OvertakenError, WrongAccountError
from billing.use_cases.backfill_doubts import FEW_GONE
from billing.use_cases.backfill_stripe_objects import BackfillStripeObjects
from tests.fakes.mirror import FakeMirror
from tests.fakes.more_objects import COUPON, DISCOUNT, PAYMENT_INTENT
from tests.fakes.objects import SECOND, T0, a_customer, a_subscription, an_event, an_invoice
from tests.fakes.recovery import FakeBackfillLog, FakeStripeLists
from tests.fakes.stripe_objects import FakeStripeObjects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from billing.domain.mirror import Snapshot, StripeEvent, Verdict
    from billing.use_cases.backfill_stripe_objects import Backfilled

KINDS = (ObjectKind.CUSTOMER, ObjectKind.INVOICE)
NOW = T0 + timedelta(days=1)


class World:
    """A mirror, Stripe's lists, and the backfill between them."""

    def __init__(self, size: int = 100, mirror: FakeMirror | None = None) -> None:
        self.mirror = mirror or FakeMirror()
        self.lists = FakeStripeLists(NOW, size)
        self.stripe = FakeStripeObjects(NOW + SECOND)
        self.log = FakeBackfillLog(self.mirror)

    def at_stripe(self, *states: Snapshot) -> None:
        """Let Stripe have these objects."""
        self.lists.put(*states)
        for state in states:
            self.stripe.put(state)

    def mirrored(self, *states: Snapshot, as_of_after: int = 0) -> None:
        """Let the mirror hold these states."""
        for number, state in enumerate(states):
            event = an_event(f"evt_{state.id}_{number}", state, after=as_of_after)
            self.mirror.apply(event, Observation(state, event.created))

    def use_case(self) -> BackfillStripeObjects:
        """Return the backfill as another invocation has it."""
        return BackfillStripeObjects(
            self.lists, self.stripe, self.mirror, self.log, kinds=KINDS, livemode=False
        )

    def backfill(self, steps: int = 10_000) -> Backfilled:
        """Backfill for so many steps at most."""
        left = iter(range(steps))
        return self.use_case()(lambda: next(left, None) is not None)

    def invoice(self, name: str = "in_1") -> object:
        """Return what the mirror holds."""
        return self.mirror.state(ObjectKind.INVOICE, name)


def invoices(count: int) -> list[Snapshot]:
    return [an_invoice(id=f"in_{n:04}", created=T0 + n * SECOND) for n in range(count)]


def test_a_discount_of_many_invoices_is_asked_for_once() -> None:
    """Given old invoices with a discount of their subscription, when backfilled, then one tells its name."""
    world = World()
    world.at_stripe(*invoices(3))
    world.stripe.discounts = {f"in_{n:04}": [DISCOUNT, COUPON] for n in range(3)}
    assert world.backfill().finished
    assert world.mirror.state(ObjectKind.COUPON, "LAUNCH") == COUPON
    assert world.mirror.state(ObjectKind.DISCOUNT, "di_1") == DISCOUNT
    assert world.stripe.asked_for_discounts == ["invoice in_0002"]  # newest first


def test_what_stripe_lists_is_mirrored() -> None:
    """Given objects at Stripe and an empty mirror, when backfilled, then each stands as Stripe has it."""
    world = World()
    world.at_stripe(a_customer(), an_invoice())
    done = world.backfill()
    assert done.finished
    assert (world.mirror.state(ObjectKind.CUSTOMER, "cus_1"), world.invoice()) == (a_customer(), an_invoice())
    assert [(kind.objects, kind.written, kind.deleted) for kind in done.kinds] == [(1, 1, 0), (1, 1, 0)]
    assert world.mirror.inbox == {}


@given(count=st.integers(0, 12), size=st.integers(1, 5), cuts=st.lists(st.integers(0, 3), max_size=20))
def test_a_backfill_that_is_cut_goes_on_where_it_was(count: int, size: int, cuts: list[int]) -> None:
    """Given any page size and any cuts, when it is called until done, then each object was listed once."""
    world = World(size)
    world.at_stripe(*invoices(count))
    for steps in cuts:
        if world.backfill(steps).finished:
            break
    if not world.log.rows or world.log.open():
        world.backfill()
    assert ([row.finished for row in world.log.rows], world.log.runs) == ([True, True], 1)
    assert {name for kind, name in world.mirror.held if kind is ObjectKind.INVOICE} == {
        f"in_{n:04}" for n in range(count)
    }
    assert world.log.rows[1].objects == count


def test_a_webhooks_later_state_stays() -> None:
    """Given an event later than the page's reading, when that is written, then the event's state stands."""
    world = World()
    paid = an_invoice(status=InvoiceStatus.PAID)
    world.at_stripe(an_invoice())
    world.mirrored(paid, as_of_after=2 * 86_400)
    assert world.backfill().kinds[1].written == 0
    assert world.invoice() == paid


def test_an_older_state_is_replaced() -> None:
    """Given a mirror that missed a payment, when backfilled, then the invoice is paid."""
    world = World()
    world.mirrored(an_invoice())
    paid = an_invoice(status=InvoiceStatus.PAID)
    world.at_stripe(paid)
    world.backfill()
    assert world.invoice() == paid


def test_what_changes_without_an_event_is_reconciled() -> None:
    """Given a payment intent whose amount Stripe changed, and no event told, then a backfill brings it."""
    world = World()
    world.mirrored(PAYMENT_INTENT)
    now = replace(PAYMENT_INTENT, amount=Money(1, PAYMENT_INTENT.currency), description="another")
    world.at_stripe(now)
    kinds = (ObjectKind.PAYMENT_INTENT,)
    run = BackfillStripeObjects(
        world.lists, world.stripe, world.mirror, world.log, kinds=kinds, livemode=False
    )
    assert run(lambda: True).finished
    assert world.mirror.state(ObjectKind.PAYMENT_INTENT, now.id) == now


def test_a_tie_is_settled_by_fetching() -> None:
    """Given an event of the very second of the page's reading, when written, then Stripe is asked once."""
    world = World()
    paid = an_invoice(status=InvoiceStatus.PAID)
    world.lists.put(an_invoice())
    world.stripe.put(paid)
    world.mirrored(an_invoice(footer="other"), as_of_after=86_400)
    world.backfill()
    assert (world.invoice(), world.stripe.asked) == (paid, 1)


def test_an_object_without_all_its_lines_is_fetched() -> None:
    """Given an invoice that the list shows in part, when backfilled, then it stands with every line."""
    world = World()
    world.stripe.put(an_invoice())
    world.lists.put(an_invoice(lines=(), lines_complete=False))
    done = world.backfill()
    assert (world.invoice(), done.kinds[1].fetched) == (an_invoice(), 1)


def test_an_object_that_was_deleted_while_we_were_away_ends_deleted() -> None:
    """Given a mirrored customer and draft that Stripe has no more, when backfilled, then both are deleted."""
    world = World()
    world.mirrored(a_customer(), an_invoice(status=InvoiceStatus.DRAFT))
    world.stripe.put(Deletion(ObjectKind.CUSTOMER, "cus_1"))
    done = world.backfill()
    assert world.mirror.state(ObjectKind.CUSTOMER, "cus_1") == Deletion(ObjectKind.CUSTOMER, "cus_1")
    assert world.invoice() == Deletion(ObjectKind.INVOICE, "in_1")
    assert [(kind.checked, kind.deleted) for kind in done.kinds] == [(1, 1), (1, 1)]


def test_an_object_that_the_list_left_out_gets_its_state() -> None:
    """Given a mirrored invoice that the list does not show and Stripe knows, then its state is written."""
    world = World()
    paid = an_invoice(status=InvoiceStatus.PAID)
    world.mirrored(an_invoice())
    world.stripe.put(paid)
    done = world.backfill()
    assert (world.invoice(), done.kinds[1].deleted) == (paid, 0)


def test_a_mirror_of_another_account_is_not_deleted() -> None:
    """Given a key that lists next to nothing of the mirror, when backfilled, then nothing is deleted."""
    world = World()
    world.mirrored(*invoices(FEW_GONE + 1))
    world.at_stripe(an_invoice(id="in_other"))
    done = world.backfill()
    assert done.finished
    assert done.kinds[1].stopped == "101 of 102 are not in Stripe's list: is it the key of the same account?"
    assert (world.stripe.asked, world.invoice("in_0000")) == (0, invoices(1)[0])


def test_a_kind_that_the_key_may_not_read_does_not_stop_the_others() -> None:
    """Given a restricted key, when backfilled, then what it may read is mirrored, and the rest is told."""
    world = World()
    world.at_stripe(a_customer(), an_invoice())
    world.lists.forbidden = {ObjectKind.CUSTOMER}
    done = world.backfill()
    assert (done.finished, done.kinds[0].stopped) == (True, "Stripe does not list them to this API key")
    assert (world.invoice(), done.kinds[1].stopped) == (an_invoice(), None)


def test_what_a_list_leaves_out_is_not_taken_for_gone() -> None:
    """Given a list that does not show every object, when backfilled, then nothing is asked for or deleted."""
    world = World()
    world.mirrored(an_invoice(id="in_inline"))
    world.at_stripe(an_invoice())
    world.lists.in_part = {ObjectKind.INVOICE}
    done = world.backfill()
    assert (done.finished, done.kinds[1].checked, world.stripe.asked) == (True, 0, 0)
    assert world.invoice("in_inline") == an_invoice(id="in_inline")


def test_objects_of_the_other_mode_are_refused() -> None:
    """Given a key of live mode, when backfilled, then nothing is written, and it is said."""
    world = World()
    world.at_stripe(a_customer(livemode=True))
    with pytest.raises(WrongAccountError):
        world.backfill()
    assert world.mirror.held == {}


def test_an_object_that_cannot_be_read_is_told_and_the_rest_goes_on() -> None:
    """Given one unreadable object among three, when backfilled, then it is named and two are mirrored."""
    world = World()
    world.at_stripe(*invoices(3))
    world.lists.unreadable = {"in_0001"}
    done = world.backfill()
    assert [(kind, one.id, one.reason) for kind, one in done.unreadable] == [
        (ObjectKind.INVOICE, "in_0001", "broken")
    ]
    assert (done.kinds[1].objects, done.kinds[1].unreadable, done.finished) == (3, 1, True)


def test_a_cursor_that_was_deleted_loses_nothing() -> None:
    """Given the last listed object deleted between the pages, when it goes on, then the rest is there."""
    world = World(size=2)
    world.at_stripe(*invoices(5))
    assert world.backfill(3).kinds[1].after == "in_0003"
    world.mirror.held.pop((ObjectKind.INVOICE, "in_0003"))
    world.lists.states = [state for state in world.lists.states if state.id != "in_0003"]
    done = world.backfill()
    assert done.finished
    names = {name for kind, name in world.mirror.held if kind is ObjectKind.INVOICE}
    assert names == {"in_0000", "in_0001", "in_0002", "in_0004"}


def test_a_run_that_is_overtaken_stops() -> None:
    """Given another run that is ahead, when this one keeps its page, then it stops."""
    world = World(size=1)
    world.at_stripe(*invoices(3))
    calls = iter(range(100))

    def meanwhile() -> bool:
        if next(calls) == 2:
            world.backfill(3)
        return True

    with pytest.raises(OvertakenError):
        world.use_case()(meanwhile)
    assert world.backfill().finished


def test_stripe_away_is_said_and_the_place_is_kept() -> None:
    """Given Stripe away, when it is back, then the backfill goes on with the same run."""
    world = World(size=1)
    world.at_stripe(*invoices(3))
    world.backfill(3)
    world.lists.away = True
    with pytest.raises(UnavailableError):
        world.backfill()
    world.lists.away = False
    assert (world.backfill().finished, world.log.runs) == (True, 1)


class RefusingMirror(FakeMirror):
    """A database that refuses one object whatever comes with it."""

    def apply_all(self, told: Sequence[tuple[StripeEvent | None, Observation]]) -> list[Verdict]:
        """Refuse the whole if several come and one of them is bad."""
        if len(told) > 1:
            raise RefusedError("DataError")
        return super().apply_all(told)


def test_a_page_that_is_refused_is_written_one_by_one() -> None:
    """Given a database that refuses a page as a whole, when written one by one, then all stand."""
    world = World(mirror=RefusingMirror())
    world.at_stripe(*invoices(3))
    assert world.backfill().kinds[1].written == 3


class MovingStripe(FakeStripeObjects):
    """A Stripe that another worker is quicker to ask, each time."""

    mirror: FakeMirror

    def fetch(
        self, kind: ObjectKind, object_id: str, listed: Observation | None = None
    ) -> Observation | None:
        """Return the state, after somebody has written another one."""
        rival = Observation(an_invoice(footer=str(self.asked)), NOW)
        self.mirror.settle(None, rival, self.mirror.standing(kind, object_id))
        return super().fetch(kind, object_id, listed)


def test_an_object_that_never_rests_is_an_error_for_the_next_call() -> None:
    """Given an object that moves in every round, when a tie is settled, then it is said after three."""
    world = World()
    world.stripe = moving = MovingStripe(NOW + SECOND)
    moving.mirror = world.mirror
    world.at_stripe(an_invoice())
    world.mirrored(an_invoice(footer="other"), as_of_after=86_400)
    with pytest.raises(ContentionError):
        world.backfill()
    assert moving.asked == 3


def test_a_kind_that_was_not_asked_for_is_left_alone() -> None:
    """Given a kind that the backfill was not asked for, when backfilled, then it is left alone."""
    world = World()
    world.at_stripe(a_subscription())
    world.backfill()
    assert world.mirror.held == {}
