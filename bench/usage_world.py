"""Customers with metered subscriptions and sixty days of usage, filled in by SQL."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from billing.domain.periods import Period

if TYPE_CHECKING:
    from datetime import datetime

    from billing.adapters.postgres.connection import Connection

CUSTOMERS = 1_000
DAYS = 60
METERS = ("api_calls", "requests", "storage")

# The period that is asked for began thirty days ago, in the middle of a day.
_MONTH = timedelta(days=30)

_METERS = """
INSERT INTO usage_meters
    (name, display_name, event_type, aggregation, value_property, group_by, stripe_event_name)
VALUES
    ('api_calls', 'API calls', 'api_calls', 'sum', 'value', '{}', 'api_calls'),
    ('requests', 'Requests', 'requests', 'count', 'value', '{}', 'requests'),
    ('storage', 'Storage', 'storage', 'max', 'value', '{}', 'storage')
ON CONFLICT (name) DO UPDATE SET group_by = '{}', stripe_event_name = excluded.stripe_event_name"""

_PLANS = (
    """
    INSERT INTO billing_meters (
        id, livemode, created, status, display_name, event_name, aggregation, customer_key, value_key, as_of
    )
    SELECT 'mtr_' || name, true, now(), 'active', name, name,
        CASE name WHEN 'storage' THEN 'last' ELSE 'sum' END, 'stripe_customer_id', 'value', now()
    FROM unnest(%(meters)s::text[]) AS name
    """,
    """
    INSERT INTO prices (
        id, livemode, created, active, product, currency, type, billing_scheme, tiers_mode, tiers,
        recurring_interval, recurring_interval_count, recurring_usage_type, recurring_meter, as_of
    )
    SELECT 'price_' || name, true, now(), true, 'prod_' || name, 'usd', 'recurring', 'tiered', 'graduated',
        '[{"up_to": 1000, "unit_amount": "0", "flat_amount": null},
          {"up_to": null, "unit_amount": "0.12", "flat_amount": null}]',
        'day', 30, 'metered', 'mtr_' || name, now()
    FROM unnest(%(meters)s::text[]) AS name
    """,
    """
    INSERT INTO subscriptions (
        id, livemode, created, customer, status, currency, collection_method, cancel_at_period_end,
        start_date, billing_cycle_anchor, as_of
    )
    SELECT 'sub_' || n, true, %(start)s, 'cus_' || n, 'active', 'usd', 'charge_automatically', false,
        %(start)s, %(start)s, now()
    FROM generate_series(1, %(customers)s) AS n
    """,
    """
    INSERT INTO subscription_items (
        subscription, position, customer, id, price, product, quantity, period_start, period_end
    )
    SELECT 'sub_' || n, place - 1, 'cus_' || n, 'si_' || n || '_' || name, 'price_' || name,
        'prod_' || name, NULL, %(start)s, %(end)s
    FROM generate_series(1, %(customers)s) AS n,
        unnest(%(meters)s::text[]) WITH ORDINALITY AS m (name, place)
    """,
    """
    INSERT INTO usage_boundaries (customer, at)
    SELECT 'cus_' || n, at
    FROM generate_series(1, %(customers)s) AS n, unnest(ARRAY[%(start)s::timestamptz, %(end)s]) AS at
    """,
)

# Spread evenly over customers, meters and time; ids in the order of time, as a client's counter gives them.
_EVENTS = """
INSERT INTO {table} (
    customer, meter, counted_at, quantity, value, groups, time, recorded_at, source, id
)
SELECT 'cus_' || 1 + mod(n, %(customers)s),
    (%(meters)s::text[])[1 + mod(n / %(customers)s, cardinality(%(meters)s::text[]))], at, 1, mod(n, 97),
    '[]', at, at, 'https://api.example.com/gateway', 'filled-' || lpad(n::text, 12, '0')
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n,
    LATERAL (SELECT %(since)s + n * (%(span)s::interval / %(last)s::bigint) AS at) AS moment"""

_KEYS = """
INSERT INTO usage_event_keys (customer, source, id, digest, counted_at)
SELECT customer, source, id, decode(md5(id), 'hex'), counted_at FROM bare_events"""

_ROLLUPS = """
INSERT INTO usage_rollups (customer, meter, bucket, groups, count, sum, max)
SELECT customer, meter, usage_bucket(counted_at, 'day', ARRAY[%(start)s::timestamptz]), '[]', count(*),
    sum(value), max(value)
FROM usage_events GROUP BY 1, 2, 3"""

# One table that does it all, as somebody would make it who wants no more than exact sums and no event twice.
_BARE = """
CREATE TABLE bare_events (
    customer text COLLATE "C" NOT NULL, meter text COLLATE "C" NOT NULL, counted_at timestamptz NOT NULL,
    quantity smallint NOT NULL, value numeric, distinct_value text, groups text NOT NULL,
    time timestamptz NOT NULL, recorded_at timestamptz NOT NULL, source text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    PRIMARY KEY (customer, source, id)
)"""
_BARE_INDEX = "CREATE INDEX bare_events_idx ON bare_events (customer, meter, counted_at)"


def define_meters(owner: Connection) -> None:
    """Define METERS: a sum, a count and a maximum."""
    owner.execute(_METERS)


def fill(owner: Connection, events: int, now: datetime) -> Period:
    """Fill a migrated database; return the period that every customer is in."""
    period = Period(now - _MONTH, now + timedelta(hours=1))
    known = {
        "customers": CUSTOMERS,
        "meters": list(METERS),
        "start": period.start,
        "end": period.end,
        "first": 1,
        "last": events,
        "since": now - timedelta(days=DAYS),
        "span": timedelta(days=DAYS),
    }
    owner.execute("SELECT create_usage_months(%s)", [now])
    define_meters(owner)
    for statement in _PLANS:
        owner.execute(statement, known)
    owner.execute(_BARE)
    owner.execute(_EVENTS.format(table="bare_events"), known)
    owner.execute(_EVENTS.format(table="usage_events"), known)
    owner.execute(_KEYS)
    owner.execute(_BARE_INDEX)
    owner.execute(_ROLLUPS, known)
    owner.execute("VACUUM ANALYZE")
    return period
