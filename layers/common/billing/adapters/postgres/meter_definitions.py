"""Brings the table of meters to what meters.json says, within the migration's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.domain.schema import SchemaError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg.rows import DictRow

    from billing.adapters.postgres.connection import Connection
    from billing.domain.usage import UsageMeter

_STANDING = """
SELECT name, display_name, event_type, aggregation, value_property, group_by, stripe_event_name, retired
FROM usage_meters"""

# Two meters that swap their Stripe meters would stand in each other's way.
_UNTIE = "UPDATE usage_meters SET stripe_event_name = NULL WHERE name = ANY (%(names)s)"

_DEFINE = """
INSERT INTO usage_meters
    (name, display_name, event_type, aggregation, value_property, group_by, stripe_event_name)
VALUES (
    %(name)s, %(display_name)s, %(event_type)s, %(aggregation)s, %(value_property)s, %(group_by)s,
    %(stripe_event_name)s
)
ON CONFLICT (name) DO UPDATE
SET display_name = excluded.display_name, stripe_event_name = excluded.stripe_event_name, retired = false"""

_RETIRE = "UPDATE usage_meters SET retired = true, stripe_event_name = NULL WHERE name = ANY (%(names)s)"

_FIXED = ("event_type", "aggregation", "value_property", "group_by")


def define_meters(connection: Connection, meters: Sequence[UsageMeter]) -> tuple[str, ...]:
    """Return the names of the meters that were defined, changed or retired, in order.

    A meter that is no longer given is retired: it counts nothing new, and what it counted stays. The months
    that events need are made too.

    Raises
    ------
    SchemaError
        A meter would count something else than before: that is another meter, with another name.
    """
    connection.execute("SELECT create_usage_months(now())")
    standing = {row["name"]: row for row in connection.execute(_STANDING)}
    wanted = {meter.name: _row(meter) for meter in meters}
    for name, row in wanted.items():
        _check_unchanged(name, row, standing.get(name))
    changed = [name for name, row in wanted.items() if row | {"retired": False} != standing.get(name)]
    retired = [name for name, row in standing.items() if name not in wanted and not row["retired"]]
    connection.execute(_RETIRE, {"names": retired})
    connection.execute(_UNTIE, {"names": changed})
    for name in changed:
        connection.execute(_DEFINE, wanted[name])
    return tuple(sorted(changed + retired))


def _row(meter: UsageMeter) -> DictRow:
    return {
        "name": meter.name,
        "display_name": meter.display_name,
        "event_type": meter.event_type,
        "aggregation": meter.aggregation.value,
        "value_property": meter.value_property,
        "group_by": list(meter.group_by),
        "stripe_event_name": meter.stripe_event_name,
    }


def _check_unchanged(name: str, row: DictRow, standing: DictRow | None) -> None:
    for member in _FIXED:
        if standing is not None and row[member] != standing[member]:
            raise SchemaError(f"meters.json: {name} has another {member} than before; give that a new name")
