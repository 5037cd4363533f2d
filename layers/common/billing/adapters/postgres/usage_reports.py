"""Reports of usage in PostgreSQL (migrations/0018_usage_reports.sql)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, LiteralString

from billing.adapters.postgres.connection import Statement
from billing.adapters.postgres.instants import utc
from billing.domain.usage_reports import End, HourReported, StripeMeter, UsageReport

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from psycopg.rows import DictRow

    from billing.adapters.postgres.connection import Database
    from billing.domain.usage_reports import Handled
    from billing.use_cases.report_ports import Handle

_CLAIM: LiteralString = """
SELECT made, last_customer, last_meter
FROM claim_usage_reports(%(now)s, %(most)s, %(customer)s::text, %(meter)s::text)"""

# Of several meters of one event name only one is active, and Stripe tells why it takes none of the others.
_NEXT: LiteralString = """
SELECT r.identifier, r.customer, r.meter, r.stripe_event_name, r.at, r.value, r.created_at, h.sent, h.unsent,
    k.id AS stripe_meter, k.customer_key, k.value_key, k.aggregation
FROM next_usage_report(%(passed)s::text[]) AS r
CROSS JOIN LATERAL usage_reported(r.customer, r.meter, r.at) AS h
LEFT JOIN LATERAL (
    SELECT m.* FROM billing_meters AS m
    WHERE m.event_name = r.stripe_event_name AND m.deleted_at IS NULL
    ORDER BY m.status, m.created DESC
    LIMIT 1
) AS k ON true"""

_WAITING: LiteralString = """
SELECT count(DISTINCT (customer, meter)) AS pairs FROM usage_reports
WHERE sent_at IS NULL AND refused IS NULL"""

_SENT: LiteralString = "UPDATE usage_reports SET sent_at = now() WHERE identifier = %(identifier)s"

_REFUSED: LiteralString = "UPDATE usage_reports SET refused = %(reason)s WHERE identifier = %(identifier)s"

_FOUND: LiteralString = """
INSERT INTO usage_findings (customer, meter, kind, detail)
VALUES (%(customer)s, %(meter)s, %(kind)s, %(detail)s::jsonb)
ON CONFLICT DO NOTHING"""

_WITHOUT_METER: LiteralString = """
SELECT m.name FROM usage_meters AS m
WHERE NOT m.retired AND m.stripe_event_name IS NOT NULL
    AND EXISTS (
        SELECT FROM usage_hours AS h
        WHERE h.meter = m.name AND h.total <> h.reported AND h.hour <= %(now)s
            AND NOT usage_meter_fits(m.stripe_event_name, m.aggregation)
    )
ORDER BY m.name"""

_MONTHS: LiteralString = "SELECT create_usage_months(%(now)s)"

_FREEZE: LiteralString = "SELECT freeze_billed_usage(NULL, %(now)s) AS closed"

_FORGET: LiteralString = "SELECT forget_usage(%(now)s, %(months)s) AS dropped"


class PostgresUsageReports:
    """The port `UsageReports`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, now: datetime, most: int) -> int:
        """Write reports of what Stripe was not told, as the port says; a round trip each `most` meters.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        written = 0
        after: dict[str, object] = {"customer": "", "meter": ""}
        while after["customer"] is not None:
            row = self._database.query(Statement(_CLAIM, {"now": now, "most": most, **after}))[0]
            written += row["made"]
            after = {"customer": row["last_customer"], "meter": row["last_meter"]}
        return written

    def waiting(self) -> int:
        """Return of how many customers and meters there are reports that are not sent.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        return int(self._database.query(Statement(_WAITING))[0]["pairs"])

    def handle_next(self, passed: Sequence[str], handle: Handle) -> tuple[UsageReport, Handled] | None:
        """Hand the oldest report that is not sent to `handle`, as the port says; two round trips.

        The transaction is open while `handle` works, which holds the locks that keep others away; the
        database ends it after 15 seconds.

        Raises
        ------
        UnavailableError
            The database does not answer; the report may be handed out again.
        """

        def act(found: list[list[DictRow]]) -> tuple[tuple[UsageReport, Handled] | None, Sequence[Statement]]:
            if not found[0]:
                return None, ()
            row = found[0][0]
            report = _report(row)
            handled = handle(report, HourReported(row["sent"], row["unsent"]))
            return (report, handled), _ends(report, handled)

        return self._database.act((Statement(_NEXT, {"passed": list(passed)}),), act)

    def without_meter(self, now: datetime) -> Sequence[str]:
        """Return our meters that have something to tell and no meter at Stripe that fits.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        return tuple(row["name"] for row in self._database.query(Statement(_WITHOUT_METER, {"now": now})))


class PostgresUsageUpkeep:
    """The port `UsageUpkeep`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def prepare(self, now: datetime) -> int:
        """Make room for events, close the periods that were billed, and return how many; two round trips.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        self._database.query(Statement(_MONTHS, {"now": now}))
        return int(self._database.query(Statement(_FREEZE, {"now": now}))[0]["closed"])

    def forget(self, now: datetime, months: int) -> Sequence[str]:
        """Drop the events of old months, as the port says; return the tables that went.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        dropped = self._database.query(Statement(_FORGET, {"now": now, "months": months}))[0]["dropped"]
        return tuple(dropped)


def _report(row: DictRow) -> UsageReport:
    return UsageReport(
        identifier=row["identifier"],
        customer=row["customer"],
        meter=row["meter"],
        event_name=row["stripe_event_name"],
        at=utc(row["at"]),
        value=row["value"],
        created_at=utc(row["created_at"]),
        stripe_meter=None
        if row["stripe_meter"] is None
        else StripeMeter(
            row["stripe_meter"], row["customer_key"], row["value_key"], adds_up=row["aggregation"] == "sum"
        ),
    )


def _ends(report: UsageReport, handled: Handled) -> Sequence[Statement]:
    statements = []
    one: dict[str, object] = {"identifier": report.identifier, "reason": handled.reason}
    if handled.end is not End.PASSED:
        statements.append(Statement(_SENT if handled.end is End.SENT else _REFUSED, one))
    if handled.finding is not None:
        detail = {
            "identifier": report.identifier,
            "reason": handled.reason,
            "at": report.at.isoformat(),
            "value": str(report.value),
        }
        found = {"customer": report.customer, "meter": report.meter, "kind": handled.finding.value}
        statements.append(Statement(_FOUND, {**found, "detail": json.dumps(detail)}))
    return statements
