from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from billing.domain.invoices import Invoice, InvoiceStatus
from billing.domain.mirror import (
    Deletion,
    ObjectKind,
)
from tests.support.stripe_world import (
    OPEN,
    World,
    an_event,
    an_invoice,
    snapshot,
)

if TYPE_CHECKING:
    from billing.domain.mirror import (
        Snapshot,
        StripeEvent,
    )

STATUSES = ("draft", "open", "uncollectible", "void", "paid")


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[StripeEvent], Invoice]:
    """Return the events of one invoice's life, some within one second, and the state it ends in."""
    second = 0
    events = []
    state = OPEN
    for n in range(draw(st.integers(1, 8))):
        second += draw(st.integers(0, 2))
        state = an_invoice(draw(st.sampled_from(STATUSES)), description=f"change {n}")
        if draw(st.booleans()):
            events.append(an_event(replace(state, lines=(), lines_complete=False), f"evt_{n}", second))
        else:
            events.append(an_event(state, f"evt_{n}", second))
    return events, state


@settings(max_examples=300)
@given(history=histories(), data=st.data())
def test_any_delivery_history_converges_to_stripes_state(
    history: tuple[list[StripeEvent], Invoice], data: st.DataObject
) -> None:
    """Given any order, duplication and same-second ties, when all came, then Stripe's state stands."""
    events, last = history
    world = World()
    world.stripe.put(last)
    copies = data.draw(st.lists(st.sampled_from(events), max_size=8))
    for delivery in data.draw(st.permutations(events + copies)):
        world.apply(delivery)
    assert world.state() == last


@settings(max_examples=200)
@given(history=histories(), data=st.data())
def test_deliveries_that_race_the_changes_converge_too(
    history: tuple[list[StripeEvent], Invoice], data: st.DataObject
) -> None:
    """Given events delivered in any order after each change, when Stripe moves on, then its end stands."""
    events, _ = history
    events = [replace(e, content=replace(e.content, lines_complete=True)) for e in events]  # type: ignore[arg-type]
    world = World()
    waiting: list[StripeEvent] = []
    for change in events:
        assert isinstance(change.content, Invoice)
        world.stripe.put(change.content)
        world.stripe.now = change.created  # the second of the change: it may not be over yet
        waiting.append(change)
        for _ in range(data.draw(st.integers(0, 2))):
            if waiting:
                world.apply(waiting.pop(data.draw(st.integers(0, len(waiting) - 1))))
    for delivery in data.draw(st.permutations(waiting)):
        world.apply(delivery)
    assert world.state() == events[-1].content


@settings(max_examples=200)
@given(data=st.data())
def test_after_a_deletion_every_order_ends_deleted(data: st.DataObject) -> None:
    """Given a customer's life that ends in deletion, when delivered in any order, then it is deleted."""
    life: list[Snapshot | Deletion] = [snapshot("customer.updated", name=f"name {n}") for n in range(3)]
    life.append(Deletion(ObjectKind.CUSTOMER, "cus_1"))
    world = World()
    world.stripe.put(life[-1])
    events = [an_event(state, f"evt_{n}", data.draw(st.integers(0, 1))) for n, state in enumerate(life[:-1])]
    events.append(an_event(life[-1], "evt_deleted", 1))
    for delivery in data.draw(st.permutations(events)):
        world.apply(delivery)
    standing = world.mirror.standing(ObjectKind.CUSTOMER, "cus_1")
    assert standing is not None
    assert standing.deleted


def test_the_statuses_of_the_histories_are_all_of_stripes() -> None:
    """Given the statuses that histories draw from, when compared with the domain, then none is left out."""
    assert set(STATUSES) == {status.value for status in InvoiceStatus}
