"""What Stripe refused of usage after it had taken it, as findings."""

from __future__ import annotations

from typing import TYPE_CHECKING, LiteralString

from billing.adapters.postgres.connection import Statement

if TYPE_CHECKING:
    from billing.adapters.postgres.connection import Database
    from billing.domain.usage_reports import MeterErrorReport

# Others may send meter events as well: of these no customer is known.
_KEEP: LiteralString = """
INSERT INTO usage_findings (customer, meter, kind, detail)
SELECT coalesce(r.customer, ''), coalesce(r.meter, m.name), 'stripe_rejected_usage',
    jsonb_build_object(
        'identifier', coalesce(e.identifier, %(event)s::text || ' ' || e.code), 'code', e.code,
        'message', e.message, 'count', e.count, 'event', %(event)s::text, 'value', r.value, 'at', r.at
    )
FROM unnest(%(identifiers)s::text[], %(codes)s::text[], %(messages)s::text[], %(counts)s::integer[])
    AS e (identifier, code, message, count)
LEFT JOIN usage_reports AS r ON r.identifier = e.identifier
LEFT JOIN billing_meters AS k ON k.id = %(stripe_meter)s
LEFT JOIN usage_meters AS m ON m.stripe_event_name = k.event_name
ON CONFLICT DO NOTHING"""

_REFUSE: LiteralString = """
UPDATE usage_reports AS r SET refused = e.code
FROM unnest(%(identifiers)s::text[], %(codes)s::text[]) AS e (identifier, code)
WHERE r.identifier = e.identifier AND r.refused IS NULL"""


class PostgresRejectedUsageLog:
    """The port `RejectedUsageLog`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, event_id: str, report: MeterErrorReport) -> None:
        """Write the findings and refuse the reports, as the port says; one round trip.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        told = {
            "event": event_id,
            "stripe_meter": report.stripe_meter,
            "identifiers": [each.identifier for each in report.rejected],
            "codes": [each.code for each in report.rejected],
            "messages": [each.message for each in report.rejected],
            "counts": [each.count for each in report.rejected],
        }
        self._database.write(Statement(_KEEP, told), Statement(_REFUSE, told))
