from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from billing.adapters.postgres.connection import Database
from billing.adapters.postgres.migrator import Migrator
from billing.adapters.postgres.usage import PostgresUsageMeters
from billing.domain.schema import SchemaError
from billing.domain.usage import Aggregation, UsageMeter
from local.postgres import OWNER

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from billing.adapters.postgres.connection import Connection, Credentials
    from billing.settings import DatabaseSettings

CALLS: dict[str, Any] = {"name": "calls", "event_type": "calls", "aggregation": "sum"}
PEAK: dict[str, Any] = {"name": "peak", "event_type": "load", "aggregation": "max", "group_by": ["host"]}

type Migrate = Callable[[object], Sequence[str]]


@pytest.fixture
def migrate(
    tmp_path: Path,
    empty_database: DatabaseSettings,
    database_template: str,
    database_secrets: dict[str, Credentials],
) -> Migrate:
    """Write meters.json beside a migration that makes the table, and migrate."""
    (tmp_path / "0001_meters.sql").write_text(
        """
        CREATE TABLE usage_meters (
            name text COLLATE "C" PRIMARY KEY, display_name text, event_type text, aggregation text,
            value_property text, group_by text[], stripe_event_name text UNIQUE, retired boolean DEFAULT false
        );
        CREATE FUNCTION create_usage_months(_now timestamptz) RETURNS void LANGUAGE sql AS $$ SELECT $$;
        """
    )
    (tmp_path / "0001_meters.rollback.sql").write_text(
        "DROP TABLE usage_meters; DROP FUNCTION create_usage_months(timestamptz);"
    )

    def run(meters: object) -> Sequence[str]:
        (tmp_path / "meters.json").write_text(json.dumps(meters))
        return Migrator(Database(empty_database, lambda _: database_secrets[OWNER]), tmp_path).up()

    return run


@pytest.fixture
def meters(
    empty_database: DatabaseSettings, database_secrets: dict[str, Credentials]
) -> Callable[[], Sequence[UsageMeter]]:
    def read() -> Sequence[UsageMeter]:
        with Database(empty_database, lambda _: database_secrets[OWNER]) as database:
            return PostgresUsageMeters(database).all()

    return read


def test_meters_are_defined_with_the_migration_and_only_once(
    migrate: Migrate, meters: Callable[[], Sequence[UsageMeter]]
) -> None:
    """Given two meters, when migrated twice, then both are there and the second time nothing is done."""
    assert migrate([PEAK, CALLS]) == ("0001_meters", "meter calls", "meter peak")
    assert migrate([PEAK, CALLS]) == ()
    assert meters() == (
        UsageMeter("calls", "calls", "calls", Aggregation.SUM),
        UsageMeter("peak", "peak", "load", Aggregation.MAX, "value", ("host",)),
    )


def test_what_a_meter_is_called_and_feeds_may_change(
    migrate: Migrate, meters: Callable[[], Sequence[UsageMeter]]
) -> None:
    """Given two meters that swap their Stripe meters, when migrated, then each has the other's."""
    migrate([CALLS | {"stripe_event_name": "a"}, PEAK | {"stripe_event_name": "b"}])
    changed = [CALLS | {"stripe_event_name": "b", "display_name": "Calls"}, PEAK | {"stripe_event_name": "a"}]
    assert migrate(changed) == ("meter calls", "meter peak")
    assert [(meter.display_name, meter.stripe_event_name) for meter in meters()] == [
        ("Calls", "b"),
        ("peak", "a"),
    ]


@pytest.mark.parametrize(
    ("member", "value"),
    [("event_type", "other"), ("aggregation", "count"), ("value_property", "n"), ("group_by", ["region"])],
)
def test_what_a_meter_counts_never_changes(
    migrate: Migrate, meters: Callable[[], Sequence[UsageMeter]], member: str, value: object
) -> None:
    """Given a meter, when its definition would count something else, then it is refused by name."""
    migrate([CALLS])
    standing = meters()
    with pytest.raises(SchemaError, match=rf"calls has another {member}"):
        migrate([CALLS | {member: value}])
    assert meters() == standing


def test_a_meter_that_is_taken_away_counts_nothing_new_and_may_come_back(
    migrate: Migrate, meters: Callable[[], Sequence[UsageMeter]]
) -> None:
    """Given a meter, when it is no longer in the file, then it is retired until it is there again."""
    migrate([CALLS, PEAK])
    assert migrate([PEAK]) == ("meter calls",)
    assert [meter.name for meter in meters()] == ["peak"]
    assert migrate([PEAK]) == ()
    assert migrate([CALLS, PEAK]) == ("meter calls",)
    assert [meter.name for meter in meters()] == ["calls", "peak"]


@pytest.mark.parametrize(
    ("meters_json", "named"),
    [
        ({}, "meters.json is not a list"),
        (["calls"], r"meters.json\[0\] is not an object"),
        ([CALLS | {"unit": "GB"}], r"meters.json\[0\].unit is not known"),
        ([{"name": "calls", "event_type": "calls"}], r"meters.json\[0\] has no aggregation"),
        ([CALLS | {"name": "Calls!"}], r"meters.json\[0\].name"),
        ([CALLS | {"event_type": 7}], r"meters.json\[0\].event_type"),
        ([CALLS | {"value_property": "a b"}], r"meters.json\[0\].value_property"),
        ([CALLS | {"aggregation": "mean"}], r"meters.json\[0\].aggregation"),
        ([CALLS | {"group_by": "region"}], r"meters.json\[0\].group_by"),
        ([CALLS | {"group_by": ["a", "a"]}], r"meters.json\[0\].group_by"),
        ([CALLS, CALLS], "the name calls is given twice"),
        (
            [CALLS | {"stripe_event_name": "a"}, PEAK | {"stripe_event_name": "a"}],
            "the stripe_event_name a is given twice",
        ),
    ],
)
def test_a_malformed_meter_is_refused_by_name_and_nothing_is_applied(
    migrate: Migrate, empty_database: DatabaseSettings, database_secrets: dict[str, Credentials],
    meters_json: object, named: str,
) -> None:  # fmt: skip
    """Given a file with a mistake, when migrated, then the member is named and no migration was applied."""
    with pytest.raises(SchemaError, match=named):
        migrate(meters_json)
    rows = Database(empty_database, lambda _: database_secrets[OWNER])
    with rows.session() as connection:
        assert _tables(connection) == []


def _tables(connection: Connection) -> list[str]:
    return [
        row["relname"]
        for row in connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        )
    ]


def test_the_months_of_events_are_made_with_the_migration(owner: Connection) -> None:
    """Given a migrated database, when its tables are listed, then the months around now are there."""
    row = owner.execute(
        """
        SELECT count(*) AS there FROM pg_class, generate_series(-2, 2) AS step
        WHERE relname = 'usage_events_' || to_char(
            date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => step), 'YYYY_MM'
        )
        """
    ).fetchone()
    assert row == {"there": 5}
