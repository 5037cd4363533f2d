"""A store of usage and what can be seen of it from outside, for the contract that all stores share."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from billing.domain.usage import Aggregation, UsageEvent, UsageMeter
from tests.fakes.usage import FakeUsageStore

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from billing.adapters.postgres.connection import Connection
    from billing.domain.periods import Period
    from billing.domain.usage import LatePolicy, Reading
    from billing.use_cases.usage_ports import UsageStore

T0 = datetime(2026, 3, 10, tzinfo=UTC)

METERS = (
    UsageMeter("free", "Free", "use", Aggregation.SUM),
    UsageMeter("level", "Level", "use", Aggregation.LAST, stripe_event_name="level"),
    UsageMeter("peak", "Peak", "use", Aggregation.MAX, group_by=("kind",), stripe_event_name="peak"),
    UsageMeter(
        "requests", "Requests", "use", Aggregation.COUNT, group_by=("kind",), stripe_event_name="requests"
    ),
    UsageMeter(
        "tokens", "Tokens", "use", Aggregation.SUM, group_by=("kind", "place"), stripe_event_name="tokens"
    ),
    UsageMeter(
        "users", "Users", "use", Aggregation.UNIQUE_COUNT, group_by=("kind",), stripe_event_name="users"
    ),
)
BY_NAME = {meter.name: meter for meter in METERS}


class Surroundings(Protocol):
    """What stands around a store, and what it leaves there."""

    def set_late_policy(self, customer: str, policy: LatePolicy) -> None:
        """Keep the policy for what comes from now on."""
        ...

    def set_item(self, customer: str, item: str, meter: str, span: Period) -> None:
        """Give the customer a subscription item that prices the meter."""
        ...

    def findings(self, customer: str) -> Sequence[tuple[str, str, str, str]]:
        """Return meter, kind, source and id of each, sorted."""
        ...

    def hours(self, customer: str) -> Mapping[tuple[str, datetime], Decimal]:
        """Return what is to be told to Stripe, without zeros."""
        ...


@dataclass(frozen=True, slots=True)
class UsageWorld:
    """A store as the customer's functions and as the schedules reach it, and what is around it."""

    store: UsageStore
    closing: UsageStore
    around: Surroundings


def fake_usage_world() -> UsageWorld:
    """Return the model as a world of its own."""
    fake = FakeUsageStore(METERS)
    return UsageWorld(fake, fake, fake)


def an_event(
    event_id: str,
    time: datetime,
    *readings: Reading,
    source: str = "app",
    voids: str | None = None,
    digest: bytes | None = None,
) -> UsageEvent:
    """Return an event whose digest tells its content."""
    content = repr((source, event_id, time, readings, voids)).encode()
    own = hashlib.blake2b(content, digest_size=16).digest()
    return UsageEvent(source, event_id, time, digest or own, tuple(readings), voids)


class PostgresSurroundings:
    """What stands around the real stores is in PostgreSQL."""

    def __init__(self, owner: Connection) -> None:
        self._owner = owner
        for meter in METERS:
            owner.execute(
                "INSERT INTO usage_meters"
                " (name, display_name, event_type, aggregation, value_property, group_by, stripe_event_name)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s)",
                [
                    meter.name,
                    meter.display_name,
                    meter.event_type,
                    meter.aggregation.value,
                    meter.value_property,
                    list(meter.group_by),
                    meter.stripe_event_name,
                ],
            )
            owner.execute(
                "INSERT INTO billing_meters (id, livemode, created, status, display_name, event_name,"
                " aggregation, customer_key, value_key, as_of)"
                " VALUES (%(name)s, false, now(), 'active', %(name)s, %(event)s, 'sum', 'c', 'v', now())",
                {"name": f"mtr_{meter.name}", "event": meter.stripe_event_name or "none"},
            )
            owner.execute(
                "INSERT INTO prices (id, livemode, created, active, product, currency, type, billing_scheme,"
                " tiers, recurring_interval, recurring_interval_count, recurring_usage_type, recurring_meter,"
                " as_of) VALUES (%s, false, now(), true, 'prod_1', 'eur', 'recurring', 'per_unit', '[]',"
                " 'month', 1, 'metered', %s, now())",
                [f"price_{meter.name}", f"mtr_{meter.name}"],
            )

    def set_late_policy(self, customer: str, policy: LatePolicy) -> None:
        """Keep the policy for what comes from now on."""
        self._owner.execute(
            "INSERT INTO usage_policies (customer, late) VALUES (%s, %s)"
            " ON CONFLICT (customer) DO UPDATE SET late = excluded.late",
            [customer, policy.value],
        )

    def set_item(self, customer: str, item: str, meter: str, span: Period) -> None:
        """Give the customer a subscription item that prices the meter."""
        subscription = f"sub_{customer}_{item}"
        self._owner.execute("DELETE FROM subscriptions WHERE id = %s", [subscription])
        self._owner.execute(
            "INSERT INTO subscriptions (id, livemode, created, customer, status, currency, collection_method,"
            " cancel_at_period_end, start_date, billing_cycle_anchor, as_of)"
            " VALUES (%s, false, now(), %s, 'active', 'eur', 'charge_automatically', false, now(), now(),"
            " now())",
            [subscription, customer],
        )
        self._owner.execute(
            "INSERT INTO subscription_items (subscription, position, customer, id, price, product,"
            " period_start, period_end) VALUES (%s, 0, %s, %s, %s, 'prod_1', %s, %s)",
            [subscription, customer, f"si_{item}", f"price_{meter}", span.start, span.end],
        )

    def findings(self, customer: str) -> Sequence[tuple[str, str, str, str]]:
        """Return meter, kind, source and id of each, sorted."""
        rows = self._owner.execute(
            "SELECT meter, kind, detail FROM usage_findings WHERE customer = %s", [customer]
        ).fetchall()
        return sorted(
            (row["meter"], row["kind"], row["detail"]["source"], row["detail"]["id"]) for row in rows
        )

    def hours(self, customer: str) -> Mapping[tuple[str, datetime], Decimal]:
        """Return what is to be told to Stripe, without zeros."""
        rows = self._owner.execute(
            "SELECT meter, hour, total FROM usage_hours WHERE customer = %s AND total <> 0", [customer]
        ).fetchall()
        return {(row["meter"], row["hour"].astimezone(UTC)): row["total"] for row in rows}
