"""Usage: what a customer's system reports, how a meter adds it up, and what stands for a period.

Quantities are exact decimals, because meters count fractions too. Instants are UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from billing.domain.periods import Period

OLDEST = timedelta(days=35)
"""Events older than this are refused, as Stripe refuses its meter events ("Record usage for billing")."""

FARTHEST_AHEAD = timedelta(minutes=5)
"""Events farther in the future than this are refused, as Stripe refuses them."""

MOST_EVENTS = 1_000
"""Events of one request."""

INTEGER_DIGITS = 15
DECIMAL_PLACES = 12
"""A quantity has at most so many digits before and after its point; sums stay exact far beyond that."""


class Aggregation(StrEnum):
    """How the events of a period become one quantity."""

    SUM = "sum"
    COUNT = "count"
    MAX = "max"
    LAST = "last"
    UNIQUE_COUNT = "unique_count"

    @property
    def is_additive(self) -> bool:
        """Whether the quantities of two halves of a period sum to the whole's."""
        return self in {Aggregation.SUM, Aggregation.COUNT}


@dataclass(frozen=True, slots=True)
class UsageMeter:
    """What is counted: the events whose CloudEvents type is `event_type`.

    `value_property` names the member of an event's data that is added up, or whose different values are
    counted; a count reads none. `group_by` names members that history can be split by. `stripe_event_name` is
    the event name of the Stripe meter that is told what was used; the prices of that meter say what it costs.
    """

    name: str
    display_name: str
    event_type: str
    aggregation: Aggregation
    value_property: str = "value"
    group_by: tuple[str, ...] = ()
    stripe_event_name: str | None = None


# A request makes a thousand of each of these two: a NamedTuple takes a quarter of a frozen dataclass's time.
class Reading(NamedTuple):
    """What one meter reads of an event.

    `value` is None where the meter counts events or different values; `distinct` is such a value, as text.
    `groups` has the values of the meter's group_by in order.
    """

    meter: str
    value: Decimal | None = None
    distinct: str | None = None
    groups: tuple[str, ...] = ()


class UsageEvent(NamedTuple):
    """One event, read and checked; (source, id) names it for ever within its customer.

    `digest` is 16 bytes that differ where the content does. `voids` is the id of an event of the same source
    that no longer counts. Only an event that voids another may have no readings; one that has some stands
    in the other's place. No text of it has a control character.
    """

    source: str
    id: str
    time: datetime
    digest: bytes
    readings: tuple[Reading, ...]
    voids: str | None = None


class Recorded(StrEnum):
    """What became of one event of a request."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    """The id is taken by an event of other content."""
    UNKNOWN_EVENT = "unknown_event"
    """The event to be voided is not here."""
    ALREADY_VOIDED = "already_voided"


class Grain(StrEnum):
    """The steps of a history: days or hours of UTC."""

    DAY = "day"
    HOUR = "hour"


@dataclass(frozen=True, slots=True)
class UsagePoint:
    """What was used in one step of a history, by one group; `groups` is empty where it is not split."""

    start: datetime
    groups: tuple[str, ...]
    used: Decimal


class LatePolicy(StrEnum):
    """What becomes of usage whose period is closed; the closed period never changes."""

    OPEN_PERIOD = "open_period"
    """It counts now, in the period that is open."""
    NEXT_PERIOD = "next_period"
    """It counts from the first instant of the next period."""
    IGNORE = "ignore"
    """It is kept, counts nowhere, and is a finding."""


@dataclass(frozen=True, slots=True)
class UsageSnapshot:
    """What was used in a period as it was billed, frozen."""

    customer: str
    meter: str
    period: Period
    used: Decimal
    frozen_at: datetime
