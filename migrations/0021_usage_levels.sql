-- What the schedule does with usage whose events are in ClickHouse: its levels are told to Stripe, too.

-- The spans of which Stripe was not told what stands now: between two cuts, so far as there is usage. What of it
-- was told last, and how often the latest hour was.
CREATE FUNCTION usage_levels_due(_customer text, _meter text, _now timestamptz)
RETURNS TABLE (start timestamptz, ends timestamptz, until timestamptz, hour timestamptz, sequence bigint, told numeric)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    WITH cuts AS (
        SELECT usage_period_cuts(_customer, _meter) AS at
    ), changed AS (
        SELECT DISTINCT width_bucket(h.hour, c.at) AS segment
        FROM usage_hours AS h, cuts AS c
        WHERE h.customer = _customer AND h.meter = _meter AND h.total <> h.reported AND h.hour <= _now
    ), spans AS (
        -- Before the first cut there is a beginning, because ClickHouse knows no infinity.
        SELECT coalesce(c.at[d.segment], timestamptz '1970-01-01 00:00:00+00') AS start,
            coalesce(c.at[d.segment + 1], 'infinity') AS until
        FROM changed AS d, cuts AS c
    ), latest AS (
        SELECT s.start, s.until, l.hour
        FROM spans AS s
        CROSS JOIN LATERAL (
            SELECT max(h.hour) AS hour FROM usage_hours AS h
            WHERE h.customer = _customer AND h.meter = _meter AND h.hour >= s.start AND h.hour < s.until
                AND h.hour <= _now
        ) AS l
    )
    SELECT l.start, least(l.until, date_trunc('day', l.hour, 'UTC') + interval '24 hours'), l.until, l.hour,
        (
            SELECT count(*) FROM usage_reports AS r
            WHERE r.customer = _customer AND r.meter = _meter AND r.hour = l.hour
        ),
        (
            SELECT r.value FROM usage_reports AS r
            WHERE r.customer = _customer AND r.meter = _meter AND r.hour >= l.start AND r.hour < l.until
                AND r.refused IS NULL
            ORDER BY r.at DESC
            LIMIT 1
        )
    FROM latest AS l
$$;
COMMENT ON FUNCTION usage_levels_due IS 'The spans of a meter that is not added up of which there is something to tell.';

-- Writes the reports of the spans that start so, and that they are told; _values are what they come to.
CREATE FUNCTION keep_usage_levels(
    _customer text, _meter text, _event_name text, _now timestamptz, _starts timestamptz[], _values numeric[]
) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    _made integer;
BEGIN
    WITH levels AS (
        SELECT d.*, floor(v.value) AS value
        FROM usage_levels_due(_customer, _meter, _now) AS d
        JOIN unnest(_starts, _values) AS v (start, value) ON v.start = d.start
    ), kept AS (
        UPDATE usage_hours AS h SET reported = h.total
        FROM levels AS l
        WHERE h.customer = _customer AND h.meter = _meter AND h.hour >= l.start AND h.hour <= l.hour
            AND h.total <> h.reported
    ), made AS (
        INSERT INTO usage_reports (identifier, customer, meter, stripe_event_name, hour, at, value, created_at)
        SELECT usage_report_identifier(_customer, _meter, l.hour, l.sequence), _customer, _meter, _event_name, l.hour,
            least(
                l.hour + make_interval(secs => l.sequence), l.until - interval '1 second',
                date_trunc('hour', l.hour, 'UTC') + interval '3599 seconds'
            ),
            l.value, _now
        FROM levels AS l
        WHERE l.value IS DISTINCT FROM l.told
        RETURNING 1
    )
    SELECT count(*) INTO _made FROM made;
    RETURN _made;
END
$$;
COMMENT ON FUNCTION keep_usage_levels IS 'Writes reports of levels that were added up; the caller has the customer''s lock.';

CREATE OR REPLACE FUNCTION claim_usage_levels(
    _customer text, _meter text, _aggregation text, _event_name text, _now timestamptz
) RETURNS integer
LANGUAGE sql SET search_path = public, pg_temp AS $$
    SELECT keep_usage_levels(
        _customer, _meter, _event_name, _now, array_agg(d.start),
        array_agg(usage_between(_customer, _meter, _aggregation, d.start, d.ends))
    )
    FROM usage_levels_due(_customer, _meter, _now) AS d
$$;

-- What there is to tell of levels whose events are in ClickHouse, after a customer and meter.
CREATE FUNCTION usage_levels_elsewhere(_now timestamptz, _most integer, _after_customer text, _after_meter text)
RETURNS TABLE (customer text, meter text, aggregation text, stripe_event_name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT DISTINCT h.customer, h.meter, m.aggregation, m.stripe_event_name
    FROM usage_hours AS h
    JOIN usage_meters AS m ON m.name = h.meter
    WHERE h.total <> h.reported AND h.hour <= _now AND usage_meter_fits(m.stripe_event_name, m.aggregation)
        AND (h.customer, h.meter) > (_after_customer, _after_meter)
        AND m.aggregation NOT IN ('sum', 'count') AND usage_home(h.customer) = 'clickhouse'
    ORDER BY 1, 2
    LIMIT _most
$$;
COMMENT ON FUNCTION usage_levels_elsewhere IS 'The customers and meters whose levels ClickHouse has to add up.';

-- Nothing for a customer that is being written to, or that moved: the next run looks again.
CREATE FUNCTION hold_usage_levels(_customer text, _meter text, _now timestamptz)
RETURNS TABLE (start timestamptz, ends timestamptz, told numeric)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF pg_try_advisory_xact_lock(hashtextextended(_customer, 7115)) AND usage_home(_customer) = 'clickhouse' THEN
        RETURN QUERY SELECT d.start, d.ends, d.told FROM usage_levels_due(_customer, _meter, _now) AS d;
    END IF;
END
$$;
COMMENT ON FUNCTION hold_usage_levels IS 'Locks a customer, and tells the spans that ClickHouse has to add up.';

GRANT EXECUTE ON FUNCTION usage_levels_elsewhere, hold_usage_levels, keep_usage_levels TO billing_worker;
