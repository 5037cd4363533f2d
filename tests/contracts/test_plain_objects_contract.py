"""What every Mirror promises of the objects without children: products to disputes, each alike."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.domain.lifecycles import kind_of, status_of
from billing.domain.mirror import Deletion, ObjectKind, Observation, Outcome, Verdict
from billing.domain.money import Money
from tests.fakes.more_objects import CHARGE, COUPON, PLAIN, PRODUCT, changed
from tests.fakes.objects import SECOND, T0, an_event

if TYPE_CHECKING:
    from billing.domain.mirror import Snapshot
    from tests.support.mirror_world import World

EACH = pytest.mark.parametrize("state", PLAIN, ids=lambda state: type(state).__name__)
YEAR = timedelta(days=365)


@EACH
def test_first_state_stands(world: World, state: Snapshot) -> None:
    """Given nothing, when an object's first event comes, then it stands, and counts once."""
    assert world.apply(an_event("evt_1", state, after=5)) is Verdict.APPLIED
    assert world.apply(an_event("evt_1", state, after=5)) is Verdict.DUPLICATE
    standing = world.mirror.standing(kind_of(state), state.id)
    assert standing is not None
    assert (standing.revision, standing.as_of, standing.deleted) == (1, T0 + 5 * SECOND, False)
    assert standing.status == status_of(state)


@EACH
def test_same_state_of_the_same_second_is_no_tie(world: World, state: Snapshot) -> None:
    """Given a state, when another event of its second brings the same, then only the inbox changes."""
    world.apply(an_event("evt_1", state))
    assert world.apply(an_event("evt_2", state)) is Verdict.APPLIED
    assert (world.revision(kind_of(state), state.id), world.outcome("evt_2")) == (1, Outcome.APPLIED)


@EACH
def test_order_is_kept(world: World, state: Snapshot) -> None:
    """Given a state, when an older, a tied and a newer one come, then only the newer stands."""
    other = _other(state)
    world.apply(an_event("evt_2", state, after=2))
    assert world.apply(an_event("evt_1", other, after=1)) is Verdict.STALE
    assert world.apply(an_event("evt_3", other, after=2)) is Verdict.TIE
    assert world.apply(an_event("evt_4", other, after=3)) is Verdict.APPLIED
    assert world.revision(kind_of(state), state.id) == 2
    assert world.apply(an_event("evt_5", other, after=3)) is Verdict.APPLIED
    assert world.revision(kind_of(state), state.id) == 2


@EACH
def test_a_tie_is_settled_over_what_stood(world: World, state: Snapshot) -> None:
    """Given a tie, when settled, then the state stands, unless the object moved meanwhile."""
    world.apply(an_event("evt_1", state))
    standing = world.mirror.standing(kind_of(state), state.id)
    fetched = Observation(_other(state), T0 + 9 * SECOND)
    assert world.mirror.settle(an_event("evt_2", state), fetched, standing) is Verdict.APPLIED
    assert world.mirror.settle(an_event("evt_3", state), fetched, standing) is Verdict.MOVED
    assert world.mirror.settle(an_event("evt_4", state), None, standing) is Verdict.MOVED


@EACH
def test_deletion_is_final_and_may_come_first(world: World, state: Snapshot) -> None:
    """Given a deletion, when states of the object come late, then they are stale, whichever came first."""
    gone = Deletion(kind_of(state), state.id, last=state)
    late = an_event("evt_2", state, after=-int(YEAR.total_seconds()))
    assert world.apply(an_event("evt_1", gone, after=int(YEAR.total_seconds()))) is Verdict.APPLIED
    assert world.apply(late) is Verdict.STALE
    standing = world.mirror.standing(gone.kind, gone.id)
    assert standing is not None
    assert (standing.deleted, standing.revision) == (True, 1)


@pytest.mark.parametrize("state", [COUPON, PRODUCT], ids=lambda state: type(state).__name__)
@pytest.mark.parametrize("late_deletion", [False, True])
def test_an_id_may_be_taken_again(world: World, state: Snapshot, late_deletion: bool) -> None:
    """Given a deleted coupon, when another is created under its id, then that stands, in whatever order."""
    first = changed(state, created=T0)
    gone = an_event("evt_2", Deletion(kind_of(state), state.id, last=first), after=10)
    second = changed(state, created=T0 + 20 * SECOND)
    born = an_event("evt_3", second, after=20)
    world.apply(an_event("evt_1", first))
    verdicts = [world.apply(each) for each in ((born, gone) if late_deletion else (gone, born))]
    assert verdicts == [Verdict.APPLIED, Verdict.STALE if late_deletion else Verdict.APPLIED]
    standing = world.mirror.standing(kind_of(state), state.id)
    assert standing is not None
    assert (standing.deleted, standing.as_of) == (False, T0 + 20 * SECOND)
    assert world.apply(an_event("evt_4", first, after=5)) is Verdict.STALE


@pytest.mark.parametrize("state", [COUPON, PRODUCT], ids=lambda state: type(state).__name__)
def test_an_id_taken_again_in_the_second_of_the_deletion_is_a_tie(world: World, state: Snapshot) -> None:
    """Given a deleted coupon, when one is created under its id in that second, then only Stripe can tell."""
    kind, second = kind_of(state), changed(state, created=T0 + 10 * SECOND)
    gone = an_event("evt_2", Deletion(kind, state.id, last=changed(state, created=T0)), after=10)
    born = an_event("evt_3", second, after=10)
    world.apply(gone)
    assert world.apply(born) is Verdict.TIE
    standing = world.mirror.standing(kind, state.id)
    assert world.mirror.settle(born, Observation(second, T0 + 11 * SECOND), standing) is Verdict.APPLIED
    standing = world.mirror.standing(kind, state.id)
    assert standing is not None
    assert (standing.deleted, standing.revision) == (False, 2)


@pytest.mark.parametrize("state", [COUPON, PRODUCT], ids=lambda state: type(state).__name__)
def test_a_deletion_of_the_second_of_the_creation_is_a_tie(world: World, state: Snapshot) -> None:
    """Given a coupon, when a deletion of its first second comes, then it may be that of the one before."""
    kind, first = kind_of(state), changed(state, created=T0 + 10 * SECOND)
    removed = Deletion(kind, state.id, last=changed(state, created=T0))
    gone = an_event("evt_2", removed, after=10)
    world.apply(an_event("evt_1", first, after=10))
    assert world.apply(gone) is Verdict.TIE
    standing = world.mirror.standing(kind, state.id)
    assert world.mirror.settle(gone, Observation(removed, gone.created), standing) is Verdict.APPLIED
    standing = world.mirror.standing(kind, state.id)
    assert standing is not None
    assert standing.deleted


def test_a_state_from_before_the_deletion_is_not_settled_over_it(world: World) -> None:
    """Given a deleted coupon, when a state from before is to be settled, then the deletion stands."""
    first = changed(COUPON, created=T0)
    world.apply(an_event("evt_1", Deletion(ObjectKind.COUPON, COUPON.id, last=first), after=10))
    standing = world.mirror.standing(ObjectKind.COUPON, COUPON.id)
    late = Observation(first, T0 + 11 * SECOND)
    assert world.mirror.settle(an_event("evt_2", first, after=10), late, standing) is Verdict.STALE


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(order=st.permutations(range(5)), repeats=st.lists(st.integers(0, 4), max_size=3))
def test_any_order_ends_in_the_newest_state(world: World, order: list[int], repeats: list[int]) -> None:
    """Given charges of distinct seconds, when delivered in any order and again, then the newest stands."""
    tag = uuid.uuid4().hex
    states = [replace(CHARGE, id=f"ch_{tag}", amount_refunded=Money(n, "usd")) for n in range(5)]
    for number in [*order, *repeats]:
        world.apply(an_event(f"evt_{tag}_{number}", states[number], after=number))
    standing = world.mirror.standing(ObjectKind.CHARGE, f"ch_{tag}")
    assert standing is not None
    assert standing.as_of == T0 + 4 * SECOND
    newest_first = [number for place, number in enumerate(order) if number == max(order[: place + 1])]
    assert standing.revision == len(newest_first)
    # What stands is the newest state itself: the same once more is no tie.
    assert world.apply(an_event(f"evt_{tag}_again", states[4], after=4)) is Verdict.APPLIED


def _other(state: Any) -> Any:
    """Return the state with one member changed that every kind has, or one that it has."""
    for name, value in (("description", "other"), ("name", "other"), ("nickname", "other")):
        if hasattr(state, name):
            return changed(state, **{name: value})
    for name in ("promotion_code", "display_name", "end_behavior", "brand", "receipt_number", "reason"):
        if hasattr(state, name):
            return changed(state, **{name: "other"})
    raise AssertionError(f"nothing to change in {type(state).__name__}")
