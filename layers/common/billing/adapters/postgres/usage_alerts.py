"""Thresholds and alerts in PostgreSQL."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, LiteralString

from billing.adapters.postgres.connection import Statement
from billing.adapters.postgres.instants import period, utc
from billing.domain.usage_alerts import Threshold, ThresholdKind, UsageAlert

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from psycopg.rows import DictRow

    from billing.adapters.postgres.connection import Database

# One statement: the event is in the outbox exactly if the alert is the first of its kind.
_FIRE: LiteralString = """
WITH fired AS (
    INSERT INTO usage_alerts (
        customer, meter, kind, threshold, period_start, period_end, fired_at, used, included,
        projected_cost, currency
    )
    SELECT %(customer)s, %(meter)s, %(kind)s, %(threshold)s::numeric, %(start)s::timestamptz,
        %(end)s::timestamptz, %(fired_at)s::timestamptz, %(used)s::numeric, %(included)s::numeric,
        %(projected_cost)s::bigint, %(currency)s
    -- A period that is over is told by its anchor, and may have had another start when it went on.
    WHERE %(end)s::timestamptz > %(fired_at)s::timestamptz
        OR NOT EXISTS (
            SELECT FROM usage_alerts AS a
            WHERE a.customer = %(customer)s AND a.meter = %(meter)s AND a.kind = %(kind)s
                AND a.threshold = %(threshold)s::numeric AND a.period_start < %(end)s::timestamptz
                AND a.period_end > %(start)s::timestamptz
        )
    ON CONFLICT DO NOTHING
    RETURNING customer
)
INSERT INTO events (type, customer, data)
SELECT 'usage.alert.fired', fired.customer, %(data)s::jsonb FROM fired"""

SELECT_CHOSEN: LiteralString = """
SELECT threshold.meter, threshold.kind, threshold.value
FROM usage_threshold_choices AS choice
LEFT JOIN usage_thresholds AS threshold ON threshold.customer = choice.customer
WHERE choice.customer = %(customer)s
ORDER BY threshold.meter, threshold.kind, threshold.value"""

SELECT_FIRED: LiteralString = """
SELECT customer, meter, kind, threshold, period_start, period_end, fired_at, used, included,
    projected_cost, currency
FROM usage_alerts
WHERE customer = %(customer)s
    AND (period_end > %(since)s OR fired_at >= period_end AND fired_at > %(since)s - interval '35 days')
ORDER BY fired_at, meter, kind, threshold"""

# The update makes two choices wait for each other: else what one deletes is not what the other inserted.
_CHOOSE: LiteralString = """
INSERT INTO usage_threshold_choices (customer) VALUES (%(customer)s)
ON CONFLICT (customer) DO UPDATE SET chosen_at = now()"""

_FORGET: LiteralString = "DELETE FROM usage_thresholds WHERE customer = %(customer)s"

_SET: LiteralString = """
INSERT INTO usage_thresholds (customer, meter, kind, value)
SELECT %(customer)s, given.meter, given.kind, given.value
FROM unnest(%(meters)s::text[], %(kinds)s::text[], %(values)s::numeric[]) AS given (meter, kind, value)
ON CONFLICT DO NOTHING"""


class PostgresUsageAlerts:
    """The port `UsageAlerts`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def thresholds(self, customer: str) -> Sequence[Threshold] | None:
        """Return what the customer set, None if it never set any.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        (rows,) = self._database.read_as(customer, Statement(SELECT_CHOSEN, {"customer": customer}))
        return read_chosen(rows)

    def replace(self, customer: str, thresholds: Sequence[Threshold]) -> None:
        """Put these in the place of whatever the customer has set.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        own = {"customer": customer}
        given = {
            **own,
            "meters": [each.meter for each in thresholds],
            "kinds": [each.kind.value for each in thresholds],
            "values": [each.value for each in thresholds],
        }
        statements = (Statement(_CHOOSE, own), Statement(_FORGET, own), Statement(_SET, given))
        self._database.act_as(customer, statements, lambda _: (None, ()))

    def fired(self, customer: str, since: datetime) -> Sequence[UsageAlert]:
        """Return the alerts of every period that had not ended by `since`, oldest first.

        With those that late usage fired, in the 35 days before, of periods that were over then.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        statement = Statement(SELECT_FIRED, {"customer": customer, "since": since})
        (rows,) = self._database.read_as(customer, statement)
        return read_alerts(rows)


def read_chosen(rows: Sequence[DictRow]) -> Sequence[Threshold] | None:
    """Return the thresholds of the rows of SELECT_CHOSEN, None if the customer never set any."""
    if not rows:
        return None
    return tuple(
        Threshold(row["meter"], ThresholdKind(row["kind"]), row["value"])
        for row in rows
        if row["meter"] is not None
    )


def alert_statements(alert: UsageAlert) -> Sequence[Statement]:
    """Return what stores an alert and its event, unless it fired before."""
    facts = {
        "meter": alert.threshold.meter,
        "kind": alert.threshold.kind.value,
        "threshold": alert.threshold.value,
        "used": alert.used,
        "included": alert.included,
        "projected_cost": alert.projected_cost,
        "currency": alert.currency,
    }
    told: dict[str, object] = {
        name: str(value) if isinstance(value, Decimal) else value for name, value in facts.items()
    }
    told["period"] = {"start": alert.period.start.isoformat(), "end": alert.period.end.isoformat()}
    return (
        Statement(
            _FIRE,
            {
                **facts,
                "customer": alert.customer,
                "start": alert.period.start,
                "end": alert.period.end,
                "fired_at": alert.fired_at,
                "data": json.dumps(told),
            },
        ),
    )


def read_alerts(rows: Iterable[DictRow]) -> tuple[UsageAlert, ...]:
    """Return the alerts of the rows of SELECT_FIRED."""
    return tuple(_alert(row) for row in rows)


def _alert(row: DictRow) -> UsageAlert:
    return UsageAlert(
        customer=row["customer"],
        threshold=Threshold(row["meter"], ThresholdKind(row["kind"]), row["threshold"]),
        period=period(row["period_start"], row["period_end"]),
        fired_at=utc(row["fired_at"]),
        used=row["used"],
        included=row["included"],
        projected_cost=row["projected_cost"],
        currency=row["currency"],
    )
