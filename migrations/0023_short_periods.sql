-- A report of a level is never before its hour, also where two cuts are less than a second apart.
CREATE OR REPLACE FUNCTION keep_usage_levels(
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
            greatest(
                l.hour,
                least(
                    l.hour + make_interval(secs => l.sequence), l.until - interval '1 second',
                    date_trunc('hour', l.hour, 'UTC') + interval '3599 seconds'
                )
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
