DROP FUNCTION hold_usage_levels(text, text, timestamptz);
DROP FUNCTION usage_levels_elsewhere(timestamptz, integer, text, text);
CREATE OR REPLACE FUNCTION claim_usage_levels(
    _customer text, _meter text, _aggregation text, _event_name text, _now timestamptz
) RETURNS integer
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    _cuts timestamptz[] := usage_period_cuts(_customer, _meter);
    _made integer;
BEGIN
    WITH changed AS (
        SELECT DISTINCT width_bucket(h.hour, _cuts) AS segment
        FROM usage_hours AS h
        WHERE h.customer = _customer AND h.meter = _meter AND h.total <> h.reported AND h.hour <= _now
    ), spans AS (
        SELECT coalesce(_cuts[c.segment], '-infinity') AS start, coalesce(_cuts[c.segment + 1], 'infinity') AS until
        FROM changed AS c
    ), latest AS (
        SELECT s.start, s.until, l.hour
        FROM spans AS s
        CROSS JOIN LATERAL (
            SELECT max(h.hour) AS hour FROM usage_hours AS h
            WHERE h.customer = _customer AND h.meter = _meter AND h.hour >= s.start AND h.hour < s.until
                AND h.hour <= _now
        ) AS l
    ), levels AS (
        SELECT l.*,
            floor(
                usage_between(
                    _customer, _meter, _aggregation, l.start,
                    least(l.until, date_trunc('day', l.hour, 'UTC') + interval '24 hours')
                )
            ) AS value,
            (
                SELECT count(*) FROM usage_reports AS r
                WHERE r.customer = _customer AND r.meter = _meter AND r.hour = l.hour
            ) AS sequence,
            (
                SELECT r.value FROM usage_reports AS r
                WHERE r.customer = _customer AND r.meter = _meter AND r.hour >= l.start AND r.hour < l.until
                    AND r.refused IS NULL
                ORDER BY r.at DESC
                LIMIT 1
            ) AS told
        FROM latest AS l
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
DROP FUNCTION keep_usage_levels(text, text, text, timestamptz, timestamptz[], numeric[]);
DROP FUNCTION usage_levels_due(text, text, timestamptz);
