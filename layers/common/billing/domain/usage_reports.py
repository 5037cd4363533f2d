"""What Stripe's meters are told of usage, and what became of telling it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

OLDEST_REPORT = timedelta(days=35)
"""Stripe takes no meter event that is older ("Record usage for billing")."""

TRUSTED_FOR = timedelta(hours=20)
"""For so long Stripe's answer that it has an identifier is relied on: it keeps identifiers for 24 hours."""


@dataclass(frozen=True, slots=True)
class StripeMeter:
    """Where Stripe counts: the keys are those of a meter event's payload that name customer and value.

    `adds_up` tells a meter that sums from one that takes the last value.
    """

    id: str
    customer_key: str
    value_key: str
    adds_up: bool


@dataclass(frozen=True, slots=True)
class UsageReport:
    """A whole number for one customer and meter at `at`; `identifier` is the same however often it is sent.

    `stripe_meter` is None where Stripe's meter is not mirrored (any more).
    """

    identifier: str
    customer: str
    meter: str
    event_name: str
    at: datetime
    value: Decimal
    created_at: datetime
    stripe_meter: StripeMeter | None


@dataclass(frozen=True, slots=True)
class HourReported:
    """What the reports of a customer and meter in one UTC hour come to: those sent, and those not yet."""

    sent: Decimal
    unsent: Decimal


class Delivery(StrEnum):
    """What Stripe said to a report."""

    SENT = "sent"
    DUPLICATE = "duplicate"
    """Stripe has an event of this identifier: it was delivered before."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Stripe will not take the report, however often it is sent; `code` is Stripe's or ours."""

    code: str


@dataclass(frozen=True, slots=True)
class MeterErrors:
    """An event says that usage was refused after it was taken; of what, only Stripe's copy tells."""


@dataclass(frozen=True, slots=True)
class RejectedUsage:
    """A reason for which Stripe does not count events that it took; `identifier` is one of them, if named.

    `count` is how many there are of this reason, of which Stripe names only some.
    """

    identifier: str | None
    code: str
    message: str
    count: int


@dataclass(frozen=True, slots=True)
class MeterErrorReport:
    """What Stripe refused of one of its meters within some seconds; `stripe_meter` is None if not told."""

    stripe_meter: str | None
    total: int
    rejected: tuple[RejectedUsage, ...]


class FindingKind(StrEnum):
    """What an operator has to know of a report."""

    TOO_OLD = "report_too_old"
    REFUSED = "report_refused"
    UNCERTAIN = "report_uncertain"
    """Stripe's sum of the hour is neither what it was with the report nor what it was without."""


class End(StrEnum):
    """How far a report got."""

    SENT = "sent"
    REFUSED = "refused"
    PASSED = "passed"
    """It stays to be sent."""


@dataclass(frozen=True, slots=True)
class Handled:
    """What became of one report; `finding` is None where there is nothing to find, `reason` is its code."""

    end: End
    finding: FindingKind | None = None
    reason: str | None = None


def is_delivered(report: UsageReport, hour: HourReported, found: Decimal) -> bool | None:
    """Return whether Stripe has the report, from what it adds the hour up to; None if there is no telling."""
    if found == hour.sent:
        return False
    if found in {hour.sent + report.value, hour.sent + hour.unsent}:
        return True
    return None
