-- What ClickHouse forgets: the events of old months, whose days stay added up. docs/decisions/0014 says how.
-- Until forgotten_until a customer is answered from the days; the events go half an hour after forgotten_at, so that
-- whoever was asking before has an answer. forgotten_at is NULL where there were none.

ALTER TABLE usage_homes ADD COLUMN forgotten_until timestamptz, ADD COLUMN forgotten_at timestamptz;
COMMENT ON COLUMN usage_homes.forgotten_until IS 'Until when the events in ClickHouse are forgotten, their days added up.';
GRANT UPDATE (forgotten_until, forgotten_at) ON usage_homes TO billing_worker;

-- As far as forget_usage goes, in whole months; NULL for nothing.
CREATE FUNCTION usage_forgotten_before(_now timestamptz, _months integer) RETURNS timestamptz
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT CASE WHEN _months > 0 THEN date_trunc(
        'month',
        least(
            (date_trunc('month', _now AT TIME ZONE 'UTC') - make_interval(months => _months)) AT TIME ZONE 'UTC',
            _now - interval '36 days',
            (
                SELECT min(i.period_start)
                FROM subscription_items AS i
                JOIN subscriptions AS s ON s.id = i.subscription AND s.deleted_at IS NULL
                WHERE s.status IN ('trialing', 'active', 'past_due', 'unpaid', 'paused') AND i.period_end > _now
            )
        ),
        'UTC'
    ) END
$$;
COMMENT ON FUNCTION usage_forgotten_before IS 'Before when events may be forgotten; 0 months keep all.';
GRANT EXECUTE ON FUNCTION usage_forgotten_before TO billing_worker;
