"""Usage on real PostgreSQL, a Stripe whose meters are told of it, and reporters that can be cut off."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any, Self

from billing.adapters.postgres.usage import PostgresUsageStore
from billing.adapters.postgres.usage_reports import PostgresUsageReports, PostgresUsageUpkeep
from billing.adapters.stripe.client import StripeConnection
from billing.adapters.stripe.meter_events import StripeMeterEvents
from billing.domain.errors import UnavailableError
from billing.domain.usage import Reading, Recorded, UsageEvent
from billing.use_cases.report_usage import ReportUsage
from tests.fixtures.stripe_data import API_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from billing.adapters.postgres.connection import Connection, Database
    from billing.domain.usage_reports import Delivery, Refusal, UsageReport
    from billing.use_cases.report_ports import UsageElsewhere
    from billing.use_cases.report_usage import Reported
    from local.stripe_standin.server import Exchange
    from tests.fixtures.stripe_data import RunningStandin

NUMBERS = count(1)


@dataclass(slots=True)
class ReportingWorld:
    """Customers and meters at a stand-in of Stripe, mirrored; `now` is the reporter's clock."""

    standin: RunningStandin
    owner: Connection
    worker: Database
    another_worker: Callable[[], Database]
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    connections: list[StripeConnection] = field(default_factory=list)

    def customer(self) -> str:
        """Return a new customer of Stripe's."""
        return str(self.standin.client().v1.customers.create({"name": "Acme"}).id)

    def meter(self, name: str, aggregation: str = "sum", formula: str | None = None) -> str:
        """Define a meter here and at Stripe, and return the id of Stripe's."""
        formula = formula or ("sum" if aggregation in {"sum", "count"} else "last")
        made = self.standin.client().v1.billing.meters.create(
            {"display_name": name, "event_name": name, "default_aggregation": {"formula": formula}}
        )
        self.owner.execute(
            "INSERT INTO usage_meters"
            " (name, display_name, event_type, aggregation, value_property, group_by, stripe_event_name)"
            " VALUES (%(name)s, %(name)s, %(name)s, %(aggregation)s, 'value', '{}', %(name)s)",
            {"name": name, "aggregation": aggregation},
        )
        self.owner.execute(
            "INSERT INTO billing_meters (id, livemode, created, status, display_name, event_name,"
            " aggregation, customer_key, value_key, as_of)"
            " VALUES (%s, false, now(), 'active', %s, %s, %s, 'stripe_customer_id', 'value', now())",
            [made.id, name, name, formula],
        )
        return str(made.id)

    def use(self, customer: str, meter: str, value: str, at: datetime) -> None:
        """Record an event; its time may be as old as it likes."""
        number = next(NUMBERS)
        event = UsageEvent(
            "app", str(number), at, number.to_bytes(16), (Reading(meter, Decimal(value), None, ()),)
        )
        store = PostgresUsageStore(self.worker)
        assert store.record(customer, [event], self.now, {}, lambda _: ()) == (Recorded.ACCEPTED,)

    def hour(self, ago: int) -> datetime:
        """Return the start of the UTC hour so many hours ago."""
        return self.now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=ago)

    def reporter(
        self,
        worker: Database | None = None,
        wrap: Callable[[StripeMeterEvents], Any] | None = None,
        elsewhere: UsageElsewhere | None = None,
    ) -> ReportUsage:
        """Return a reporter with connections of its own to Stripe."""
        connection = StripeConnection(lambda _: API_KEY, self.standin.base_url, retries=0)
        self.connections.append(connection)
        events = StripeMeterEvents(connection, connection)
        database = worker or self.worker
        return ReportUsage(
            PostgresUsageReports(database),
            self.lane,
            PostgresUsageUpkeep(database),
            events if wrap is None else wrap(events),
            lambda: self.now,
            retention=0,
            elsewhere=elsewhere,
        )

    @contextmanager
    def lane(self) -> Iterator[PostgresUsageReports]:
        """Open a connection of its own, as each lane of a run has."""
        with self.another_worker() as database:
            yield PostgresUsageReports(database)

    def report(self) -> Reported:
        """Run a reporter to its end."""
        return self.reporter()(lambda: True)

    def told(self, meter: str, customer: str) -> dict[datetime, int]:
        """Return what Stripe's meter adds up to, by UTC hour."""
        end = int(self.hour(-1).timestamp())
        query = {"customer": customer, "start_time": end - 96 * 3_600, "end_time": end}
        found = self.standin.client().v1.billing.meters.event_summaries.list(
            meter, {**query, "value_grouping_window": "hour", "limit": 100}
        )
        return {
            datetime.fromtimestamp(each.start_time, UTC): int(each.aggregated_value) for each in found.data
        }

    def hours(self, meter: str, customer: str) -> dict[datetime, int]:
        """Return what our ledger adds up to, by UTC hour."""
        rows = self.owner.execute(
            "SELECT date_trunc('hour', hour, 'UTC') AS hour, sum(total) AS total FROM usage_hours"
            " WHERE meter = %s AND customer = %s GROUP BY 1",
            [meter, customer],
        ).fetchall()
        return {row["hour"].astimezone(UTC): int(row["total"]) for row in rows}

    def rows(self, query: Any) -> list[Any]:
        """Return the first column of a query's rows."""
        return [next(iter(row.values())) for row in self.owner.execute(query).fetchall()]

    def close(self) -> None:
        """Close the connections to Stripe."""
        for connection in self.connections:
            connection.close()


class CutOffError(BaseException):
    """Stands for a kill; nothing catches it."""


@dataclass(slots=True)
class CutMeters:
    """Stripe's meters, reached until the `after`th event: cut off before Stripe has it, or just after.

    Events that are on their way at once are counted one by one.
    """

    inner: StripeMeterEvents
    after: int
    delivered: bool
    sent: int = 0
    cut: Callable[[], None] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, report: UsageReport) -> Delivery | Refusal:
        """Send, or die."""
        with self.lock:
            self.sent += 1
            is_early = self.sent < self.after
        if is_early:
            return self.inner.send(report)
        if self.delivered:
            self.inner.send(report)
        if self.cut is not None:
            self.cut()
        raise CutOffError

    def hour(self, meter: str, customer: str, at: datetime) -> Decimal:
        """Return what Stripe adds up to."""
        return self.inner.hour(meter, customer, at)


class MeetingMeters:
    """Stripe's meters, whose first calls wait for each other until so many are on their way."""

    def __init__(self, parties: int) -> None:
        self._barrier = threading.Barrier(parties, timeout=30)
        self._parties = parties
        self._lock = threading.Lock()
        self._now: list[tuple[str, str]] = []
        self._calls = 0
        self.most = 0
        """How many calls were on their way at once."""
        self.together = 0
        """How often two of them were of one customer and meter."""

    def around(self, inner: StripeMeterEvents) -> Self:
        """Send through these meters."""
        self._inner = inner
        return self

    def send(self, report: UsageReport) -> Delivery | Refusal:
        """Send, after the others have come."""
        pair = (report.customer, report.meter)
        with self._lock:
            self.together += pair in self._now
            self._now.append(pair)
            self.most = max(self.most, len(self._now))
            self._calls += 1
            is_early = self._calls <= self._parties
        if is_early:
            self._barrier.wait()
        said = self._inner.send(report)
        with self._lock:
            self._now.remove(pair)
        return said

    def hour(self, meter: str, customer: str, at: datetime) -> Decimal:
        """Return what Stripe adds up to."""
        return self._inner.hour(meter, customer, at)


@dataclass(slots=True)
class FailingMeters:
    """Stripe's meters, whose fifth event fails before Stripe has it."""

    inner: StripeMeterEvents
    sent: count[int] = field(default_factory=lambda: count(1))

    def send(self, report: UsageReport) -> Delivery | Refusal:
        """Send, or fail."""
        if next(self.sent) == 5:
            raise UnavailableError("stripe")
        return self.inner.send(report)

    def hour(self, meter: str, customer: str, at: datetime) -> Decimal:
        """Return what Stripe adds up to."""
        return self.inner.hour(meter, customer, at)


def meter_events(standin: RunningStandin, name: str) -> list[Exchange]:
    """Return the list that meter events of this name are put into from now on."""
    seen: list[Exchange] = []

    def observe(exchange: Exchange) -> None:
        if exchange.path == "/v2/billing/meter_events" and f'"{name}"' in exchange.form:
            seen.append(exchange)

    standin.observers.append(observe)
    return seen
