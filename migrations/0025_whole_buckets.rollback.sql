CREATE OR REPLACE FUNCTION usage_in(_customer text, _meters text[], _starts timestamptz[], _ends timestamptz[])
RETURNS TABLE (meter text, used numeric)
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    IF EXISTS (
        SELECT FROM (SELECT DISTINCT e.at FROM unnest(_starts || _ends) AS e (at)) AS ends
        WHERE ends.at <> usage_bucket(ends.at, 'day', '{}')
            AND NOT EXISTS (
                SELECT FROM usage_boundaries AS b WHERE b.customer = _customer AND b.at = ends.at
            )
    ) THEN
        RETURN QUERY
        SELECT m.name, usage_between(_customer, m.name, m.aggregation, s.start, s.until)
        FROM unnest(_meters, _starts, _ends) AS s (name, start, until)
        JOIN usage_meters AS m ON m.name = s.name;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT m.name,
        CASE m.aggregation
            WHEN 'sum' THEN coalesce(r.sum, 0)
            WHEN 'count' THEN coalesce(r.count, 0)
            WHEN 'max' THEN coalesce(r.max, 0)
            WHEN 'last' THEN coalesce(usage_last_value(r.last), 0)
            ELSE (
                SELECT count(DISTINCT v.value)
                FROM usage_values AS v
                WHERE v.customer = _customer AND v.meter = m.name AND v.bucket >= s.start AND v.bucket < s.until
            )
        END
    FROM unnest(_meters, _starts, _ends) AS s (name, start, until)
    JOIN usage_meters AS m ON m.name = s.name
    CROSS JOIN LATERAL (
        SELECT sum(r.sum) AS sum, sum(r.count) AS count, max(r.max) AS max, max(r.last) AS last
        FROM usage_rollups AS r
        WHERE r.customer = _customer AND r.meter = m.name AND r.bucket >= s.start AND r.bucket < s.until
    ) AS r;
END
$$;
