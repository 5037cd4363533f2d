"""How a backfill brings discounts to Stripe's state, which tells of them only where they are put on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.mirror import Deletion, ObjectKind, Observation
from billing.use_cases.backfill_doubts import FEW_GONE
from billing.use_cases.backfill_stripe_objects import BackfillStripeObjects
from tests.fakes.mirror import FakeMirror
from tests.fakes.more_objects import COUPON as _COUPON
from tests.fakes.more_objects import DISCOUNT as _DISCOUNT
from tests.fakes.objects import SECOND, T0, a_customer, a_subscription
from tests.fakes.recovery import FakeBackfillLog, FakeStripeLists
from tests.fakes.stripe_objects import FakeStripeObjects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from billing.domain.catalogue import Coupon, Discount
    from billing.domain.mirror import Snapshot, Standing, StripeEvent, Verdict
    from billing.domain.recovery import KindBackfill

KINDS = (ObjectKind.CUSTOMER, ObjectKind.SUBSCRIPTION, ObjectKind.DISCOUNT, ObjectKind.COUPON)
NOW = T0 + timedelta(days=40)
"""When the lists are read, longer after T0 than Stripe lists events."""
COUPON = replace(_COUPON, created=T0)
DISCOUNT = replace(_DISCOUNT, start=T0)


class World:
    """A mirror, and the lists of a Stripe that has one customer with a subscription."""

    def __init__(self, size: int = 100, mirror: FakeMirror | None = None) -> None:
        self.mirror = mirror or FakeMirror()
        self.lists = FakeStripeLists(NOW, size)
        self.stripe = FakeStripeObjects(NOW + SECOND)
        self.log = FakeBackfillLog(self.mirror)
        self.lists.put(a_customer(), a_subscription())

    def shown(self, *discounts: Discount, coupon: Coupon = COUPON) -> None:
        """Let Stripe's lists show these."""
        self.lists.put(*discounts)
        self.lists.coupons = [coupon]

    def mirrored(self, *states: Snapshot | Deletion, after: timedelta = timedelta()) -> None:
        """Let the mirror hold these states."""
        self.mirror.apply_all([(None, Observation(state, T0 + after)) for state in states])

    def backfill(self, steps: int = 10_000) -> dict[ObjectKind, KindBackfill]:
        """Backfill for so many steps at most, and return how far each kind came."""
        left = iter(range(steps))
        run = BackfillStripeObjects(
            self.lists, self.stripe, self.mirror, self.log, kinds=KINDS, livemode=False
        )
        done = run(lambda: next(left, None) is not None)
        return {kind.kind: kind for kind in done.kinds}

    def discount(self, name: str = "di_1") -> Snapshot | Deletion | None:
        """Return what the mirror holds."""
        return self.mirror.state(ObjectKind.DISCOUNT, name)

    def coupon(self) -> Snapshot | Deletion | None:
        """Return what the mirror holds."""
        return self.mirror.state(ObjectKind.COUPON, COUPON.id)


def gone(name: str = "di_1") -> Deletion:
    return Deletion(ObjectKind.DISCOUNT, name)


def discounts(count: int) -> Sequence[Discount]:
    return [replace(DISCOUNT, id=f"di_{n:04}", start=T0 + n * SECOND) for n in range(count)]


def test_a_discount_that_no_event_told_is_mirrored_with_its_coupon() -> None:
    """Given a discount that was put on while nobody told, when backfilled, then it and its coupon stand."""
    world = World()
    world.shown(DISCOUNT)
    world.lists.put(COUPON)
    done = world.backfill()
    assert (world.discount(), world.coupon()) == (DISCOUNT, COUPON)
    assert {kind: row.objects for kind, row in done.items()} == dict.fromkeys(KINDS, 1)
    assert done[ObjectKind.DISCOUNT].written == 1


def test_a_discount_that_nothing_shows_any_more_is_deleted() -> None:
    """Given a discount that was taken off while nobody told, then it ends as of the list's beginning."""
    world = World()
    world.mirrored(DISCOUNT)
    done = world.backfill()[ObjectKind.DISCOUNT]
    assert (world.discount(), done.began) == (gone(), NOW)
    held = world.mirror.held[ObjectKind.DISCOUNT, "di_1"]
    assert (held.as_of, held.state) == (NOW, DISCOUNT)
    assert (done.objects, done.checked, done.deleted, done.written) == (0, 1, 1, 1)
    assert world.stripe.asked == 0


def test_a_discount_made_after_the_list_began_stays() -> None:
    """Given an event of the second in which the list began, or later, then its discount is not gone."""
    world = World()
    world.mirrored(DISCOUNT, after=NOW - T0)
    world.mirrored(replace(DISCOUNT, id="di_2"), after=NOW - T0 + SECOND)
    assert world.backfill()[ObjectKind.DISCOUNT].deleted == 0
    assert world.discount() == DISCOUNT


@pytest.mark.parametrize(
    "put",
    [
        replace(DISCOUNT, subscription=None, invoice="in_1"),
        replace(DISCOUNT, subscription=None, invoice_item="ii_1"),
        replace(DISCOUNT, subscription=None, checkout_session="cs_1"),
    ],
)
def test_a_discount_that_is_told_elsewhere_stays(put: Discount) -> None:
    """Given a discount that was put directly on an invoice, its item or a session, then it is not gone."""
    world = World()
    world.mirrored(put)
    assert world.backfill()[ObjectKind.DISCOUNT].checked == 0
    assert world.discount() == put


def test_a_discount_that_came_to_another_owner_stands_with_it() -> None:
    """Given a customer's discount that an item shows now, when backfilled, then it is the item's."""
    world = World()
    world.mirrored(replace(DISCOUNT, subscription=None))
    moved = replace(DISCOUNT, subscription=None, subscription_item="si_1")
    world.shown(moved)
    assert world.backfill()[ObjectKind.DISCOUNT].deleted == 0
    assert world.discount() == moved


def test_a_deletion_that_an_event_told_stays() -> None:
    """Given a discount deleted by an event after the list was read, when that is written, then it is gone."""
    world = World()
    world.mirrored(Deletion(ObjectKind.DISCOUNT, "di_1", last=DISCOUNT), after=NOW - T0 + SECOND)
    world.shown(DISCOUNT)
    assert world.backfill()[ObjectKind.DISCOUNT].written == 0
    assert world.discount() == gone()


def test_what_an_event_told_in_the_second_of_the_page_stays() -> None:
    """Given an event of the very second of the page's reading, then its state stands: nobody can be asked."""
    world = World()
    told = replace(DISCOUNT, end=None)
    world.mirrored(told, after=NOW - T0)
    world.shown(DISCOUNT)
    world.backfill()
    assert world.discount() == told


class HeardOf(FakeMirror):
    """A mirror in which an event of a discount arrives while that is about to be deleted."""

    def settle(
        self, event: StripeEvent | None, observation: Observation | None, standing: Standing | None
    ) -> Verdict:
        """Settle, after somebody has written another state."""
        self.apply_all([(None, Observation(replace(DISCOUNT, end=None), NOW + SECOND))])
        return super().settle(event, observation, standing)


@pytest.mark.parametrize("after", [timedelta(), timedelta(days=41)])
def test_a_discount_that_an_event_tells_of_meanwhile_stays(after: timedelta) -> None:
    """Given an event that arrives between the look for what is gone and its deletion, then that one wins."""
    world = World(mirror=HeardOf())
    world.mirrored(DISCOUNT, after=after)
    assert world.backfill()[ObjectKind.DISCOUNT].deleted == 0
    assert world.discount() != gone()


def test_a_great_part_may_be_gone() -> None:
    """Given coupons that ran out in an outage, when backfilled, then all their discounts are deleted."""
    world = World()
    world.mirrored(*discounts(FEW_GONE + 1))
    done = world.backfill()[ObjectKind.DISCOUNT]
    assert (done.stopped, done.deleted) == (None, FEW_GONE + 1)


def test_a_key_of_another_account_ends_no_discount() -> None:
    """Given a key that lists none of the mirrored customers, then discounts are not listed, nor deleted."""
    world = World()
    world.mirrored(DISCOUNT, *(a_customer(id=f"cus_other_{n}") for n in range(FEW_GONE + 1)))
    world.shown(replace(DISCOUNT, id="di_2"))
    done = world.backfill()
    assert done[ObjectKind.CUSTOMER].stopped is not None
    assert done[ObjectKind.DISCOUNT].stopped == "what shows them was left out: customer"
    assert (world.discount(), world.discount("di_2"), done[ObjectKind.DISCOUNT].pages) == (DISCOUNT, None, 0)
    assert done[ObjectKind.COUPON].finished


def test_while_one_owner_cannot_be_read_nothing_is_gone() -> None:
    """Given an owner whose discount cannot be read, then what others show is written, and none deleted."""
    world = World()
    world.mirrored(DISCOUNT)
    world.shown(replace(DISCOUNT, id="di_2"), replace(DISCOUNT, id="di_bad"))
    world.lists.unreadable = {"di_bad"}
    done = world.backfill()[ObjectKind.DISCOUNT]
    assert done.stopped == "the discounts of 1 cannot be read: which are gone is not known"
    assert (world.discount(), world.discount("di_2")) == (DISCOUNT, replace(DISCOUNT, id="di_2"))


def test_a_coupon_that_is_known_stays_as_it_is() -> None:
    """Given a coupon that took the id of the one before, when that is shown, then the new one stands."""
    world = World()
    newer = replace(COUPON, name="Newer")
    world.mirrored(newer)
    world.lists.put(newer)
    world.shown(DISCOUNT, coupon=COUPON)
    world.backfill()
    assert (world.discount(), world.coupon()) == (DISCOUNT, newer)


def test_a_coupon_that_is_gone_is_known_as_such() -> None:
    """Given a discount whose coupon Stripe has no more, when backfilled, then it is known, and as gone."""
    world = World()
    world.shown(DISCOUNT)
    assert world.backfill()[ObjectKind.COUPON].deleted == 1
    assert world.coupon() == Deletion(ObjectKind.COUPON, COUPON.id)
    assert world.mirror.held[ObjectKind.COUPON, COUPON.id].state == COUPON
    assert world.mirror.unknown_discounts({"di_1"}) == frozenset()


@given(
    here=st.sets(st.integers(0, 9)),
    there=st.sets(st.integers(0, 9)),
    size=st.integers(1, 4),
    cuts=st.lists(st.integers(0, 3), max_size=20),
)
def test_a_backfill_that_is_cut_ends_with_what_is_shown(
    here: set[int], there: set[int], size: int, cuts: list[int]
) -> None:
    """Given any discounts here and there, pages and cuts, when it is done, then those live that are shown."""
    world, made = World(size), discounts(10)
    world.mirrored(*(made[n] for n in here))
    world.shown(*(made[n] for n in there))
    for steps in cuts:
        if all(row.finished for row in world.backfill(steps).values()):
            break
    if not world.log.rows or world.log.open():
        world.backfill()
    assert {n for n in range(10) if world.discount(f"di_{n:04}") == made[n]} == there
    assert {n for n in range(10) if world.discount(f"di_{n:04}") == gone(f"di_{n:04}")} == here - there
    row = next(row for row in world.log.rows if row.kind is ObjectKind.DISCOUNT)
    assert (row.objects, row.deleted, world.log.runs) == (len(there), len(here - there), 1)
