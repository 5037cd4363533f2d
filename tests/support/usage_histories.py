"""Random histories of one or two customers' usage, and the questions whose answers are compared."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from billing.domain.periods import Period
from billing.domain.usage import Grain, LatePolicy, Reading
from tests.support.usage_world import BY_NAME, METERS, T0, an_event

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from billing.domain.usage import Recorded, UsageEvent, UsageMeter
    from tests.support.usage_world import UsageWorld

_NAMES = [meter.name for meter in METERS]
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Record:
    """A request, by a customer's number."""

    customer: int
    events: tuple[UsageEvent, ...]
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Freeze:
    """A period of a meter is closed."""

    customer: int
    meter: str
    span: Period
    at: datetime


@dataclass(frozen=True, slots=True)
class Late:
    """The policy for late usage is set."""

    customer: int
    policy: LatePolicy


@dataclass(frozen=True, slots=True)
class Item:
    """A subscription item comes to be known, or moves on to another period."""

    customer: int
    item: str
    meter: str
    span: Period


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked in the end."""

    span: Period
    meter: UsageMeter
    grain: Grain
    group_by: tuple[str, ...]


type Act = Record | Freeze | Late | Item

# Few instants, so that they meet each other and the boundaries.
instants = st.builds(
    lambda hours, minutes, micros: T0 + timedelta(hours=hours, minutes=minutes, microseconds=micros),
    st.sampled_from([0, 1, 7, 23, 24, 25, 31, 47, 48, 60]),
    st.sampled_from([0, 0, 17, 59]),
    st.sampled_from([0, 0, 1, 999_999]),
)
_spans = st.tuples(instants, instants).map(lambda ends: Period(min(ends), max(ends)))
_long_spans = _spans.filter(lambda span: span.start < span.end)
_decimals = st.one_of(
    st.integers(-3, 9).map(Decimal),
    st.decimals(Decimal(-(10**15)) + 1, Decimal(10**15) - 1, places=12, allow_nan=False),
)
_words = st.sampled_from(["", "a", "b", "A", "é", "\U0001f600", '"\\,[]'])


@st.composite
def _readings(draw: st.DrawFn) -> tuple[Reading, ...]:
    names = draw(st.lists(st.sampled_from(_NAMES), min_size=1, max_size=3, unique=True))
    return tuple(_reading(draw, BY_NAME[name]) for name in sorted(names))


def _reading(draw: st.DrawFn, meter: UsageMeter) -> Reading:
    groups = tuple(draw(_words) for _ in meter.group_by)
    match meter.aggregation.value:
        case "count":
            return Reading(meter.name, groups=groups)
        case "unique_count":
            return Reading(meter.name, distinct=draw(_words), groups=groups)
        case _:
            return Reading(meter.name, value=draw(_decimals), groups=groups)


@st.composite
def _events(draw: st.DrawFn) -> UsageEvent:
    # Few ids, so that some are taken, and one of two sources.
    source = draw(st.sampled_from(["app", "Äpp"]))
    event_id = draw(st.sampled_from(["1", "2", "3", "10", "é"]))
    voids = draw(st.one_of(st.none(), st.none(), st.sampled_from(["1", "2", "3", "10", "é"])))
    readings = draw(_readings()) if voids is None or draw(st.booleans()) else ()
    return an_event(event_id, draw(instants), *readings, source=source, voids=voids)


_customers = st.sampled_from([0, 0, 0, 1])


@st.composite
def histories(draw: st.DrawFn) -> list[Act]:
    """Return what happens, in order."""
    pool = draw(st.lists(_events(), min_size=3, max_size=14))
    batches = st.lists(st.sampled_from(pool), max_size=8).map(tuple)
    acts = st.one_of(
        st.builds(Record, _customers, batches, instants),
        st.builds(Record, _customers, batches, instants),
        st.builds(Record, _customers, batches, instants),
        st.builds(Freeze, _customers, st.sampled_from(_NAMES), _long_spans, instants),
        st.builds(Late, _customers, st.sampled_from(LatePolicy)),
        st.builds(Item, _customers, st.sampled_from(["i", "j"]), st.sampled_from(_NAMES), _spans),
    )
    return draw(st.lists(acts, min_size=2, max_size=10))


@st.composite
def _questions(draw: st.DrawFn) -> Question:
    meter = draw(st.sampled_from(METERS))
    names = draw(st.lists(st.sampled_from(meter.group_by), unique=True)) if meter.group_by else []
    return Question(draw(_spans), meter, draw(st.sampled_from(Grain)), tuple(names))


questions = st.lists(_questions(), min_size=3, max_size=5)


def new_customers() -> tuple[str, str]:
    """Return two customers that nothing is known of."""
    number = next(_numbers)
    return f"cus_{number}", f"cus_{number}x"


def play(world: UsageWorld, customers: Sequence[str], act: Act) -> object:
    """Return what a store answers."""
    customer = customers[act.customer]
    match act:
        case Record():
            told: list[object] = []
            outcomes = record(world, customer, act, told)
            return list(outcomes), told
        case Freeze():
            made = world.closing.freeze(customer, act.meter, act.span, act.at)
            return replace(made, customer="")
        case Late():
            world.around.set_late_policy(customer, act.policy)
        case Item():
            world.around.set_item(customer, act.item, act.meter, act.span)
    return None


def record(world: UsageWorld, customer: str, act: Record, told: list[object]) -> Sequence[Recorded]:
    """Return the outcomes; what was told to react goes into `told`."""
    spans = [Period(T0, T0 + timedelta(hours=31, minutes=17)), Period(T0 - timedelta(days=9), T0)]
    watched = [(name, span) for span in spans for name in _NAMES]

    def react(used: object) -> Sequence[object]:
        told.append(used)
        return ()

    return world.store.record(customer, act.events, act.recorded_at, watched, react)  # type: ignore[arg-type]


def answers(world: UsageWorld, customer: str, asked: Sequence[Question]) -> dict[str, object]:
    """Return everything that the store says of the customer."""
    whole = Period(T0, T0 + timedelta(days=60))
    spans = [dict.fromkeys(_NAMES, whole), *(dict.fromkeys(_NAMES, one.span) for one in asked)]
    return {
        "used": [world.store.used(customer, each) for each in spans],
        "history": [
            list(world.store.history(customer, one.meter, span, one.grain, one.group_by))
            for one, span in (*((one, one.span) for one in asked), (asked[0], whole))
        ],
        "findings": world.around.findings(customer),
        "hours": world.around.hours(customer),
    }
