-- What Stripe's meters are told. docs/decisions/0015 says why it is cut this way.
-- A report is written before it is sent, together with the ledger of usage_hours, so a crash between the two leaves
-- it to be sent. It is never changed but for its end: sent, or refused.

CREATE TABLE usage_reports (
    identifier text COLLATE "C" NOT NULL,
    customer text COLLATE "C" NOT NULL,
    meter text COLLATE "C" NOT NULL,
    stripe_event_name text COLLATE "C" NOT NULL,
    hour timestamptz NOT NULL,
    at timestamptz NOT NULL,
    value numeric NOT NULL,
    created_at timestamptz NOT NULL,
    sent_at timestamptz,
    refused text,
    CONSTRAINT usage_reports_pkey PRIMARY KEY (identifier),
    CONSTRAINT usage_reports_identifier_check CHECK (length(identifier) <= 100),
    CONSTRAINT usage_reports_value_check CHECK (value = floor(value)),
    CONSTRAINT usage_reports_hour_check CHECK (at >= hour)
);
COMMENT ON TABLE usage_reports IS
    'What Stripe was told, or is to be told: usage of an hour, at the time that Stripe counts it; refused is why not.';
CREATE INDEX usage_reports_unsent_idx ON usage_reports (created_at, at, identifier)
    WHERE sent_at IS NULL AND refused IS NULL;
CREATE INDEX usage_reports_hour_idx ON usage_reports (customer, meter, hour);

ALTER TABLE usage_reports ENABLE ROW LEVEL SECURITY;
ALTER TABLE usage_reports FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_operates ON usage_reports TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY worker_meters ON usage_reports TO billing_worker USING (true) WITH CHECK (true);
GRANT SELECT ON usage_reports TO billing_worker;
GRANT UPDATE (sent_at, refused) ON usage_reports TO billing_worker;

-- One finding a report and kind, however often it is found.
CREATE UNIQUE INDEX usage_findings_report_idx ON usage_findings (kind, (detail ->> 'identifier'))
    WHERE kind IN ('report_too_old', 'report_refused', 'report_uncertain', 'stripe_rejected_usage');

CREATE FUNCTION usage_report_identifier(_customer text, _meter text, _hour timestamptz, _sequence bigint) RETURNS text
LANGUAGE sql IMMUTABLE RETURN 'u1-' || _meter || '-' || left(
    encode(
        sha256(
            convert_to(
                _customer || e'\x01' || _meter || e'\x01' || extract(epoch FROM _hour)::text || e'\x01' || _sequence,
                'UTF8'
            )
        ),
        'hex'
    ),
    32
);
COMMENT ON FUNCTION usage_report_identifier IS
    'The same for the same report, so that Stripe takes it once; _sequence counts the earlier reports of the hour.';

-- Between two of these a meter's usage is billed as one: Stripe takes whole numbers, so what is left of a number
-- goes over to the next hour, but never over such an instant.
CREATE FUNCTION usage_period_cuts(_customer text, _meter text) RETURNS timestamptz[]
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT coalesce(array_agg(DISTINCT c.at ORDER BY c.at), '{}')
    FROM (
        SELECT b.at FROM usage_boundaries AS b WHERE b.customer = _customer
        UNION ALL
        SELECT b.at
        FROM usage_snapshots AS s
        CROSS JOIN LATERAL (VALUES (s.period_start), (s.period_end)) AS b (at)
        WHERE s.customer = _customer AND s.meter = _meter
        UNION ALL
        SELECT b.at
        FROM usage_meters AS m
        JOIN billing_meters AS k ON k.event_name = m.stripe_event_name AND k.deleted_at IS NULL
        JOIN prices AS r ON r.recurring_meter = k.id
        JOIN subscription_items AS i ON i.price = r.id AND i.customer = _customer
        CROSS JOIN LATERAL (VALUES (i.period_start), (i.period_end)) AS b (at)
        WHERE m.name = _meter
    ) AS c
$$;

-- Sums and counts: Stripe's meter adds up, so it is told what is new of each hour.
CREATE FUNCTION claim_usage_deltas(_customer text, _meter text, _event_name text, _now timestamptz) RETURNS integer
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    _cuts timestamptz[] := usage_period_cuts(_customer, _meter);
    _made integer;
BEGIN
    WITH due AS (
        SELECT h.hour, h.total, h.total - h.reported AS new, width_bucket(h.hour, _cuts) AS segment
        FROM usage_hours AS h
        WHERE h.customer = _customer AND h.meter = _meter AND h.total <> h.reported AND h.hour <= _now
    ), run AS (
        SELECT d.*, sum(d.new) OVER w AS run, lead(d.hour) OVER w IS NULL AS is_last
        FROM due AS d
        WINDOW w AS (PARTITION BY d.segment ORDER BY d.hour)
    ), deltas AS (
        SELECT r.*, floor(r.run) - coalesce(floor(lag(r.run) OVER (PARTITION BY r.segment ORDER BY r.hour)), 0) AS delta
        FROM run AS r
    ), kept AS (
        -- What is left of a number waits in the last hour alone, so that the others need not be looked at again.
        UPDATE usage_hours AS h
        SET reported = d.total - CASE WHEN d.is_last THEN d.run - floor(d.run) ELSE 0 END
        FROM deltas AS d
        WHERE h.customer = _customer AND h.meter = _meter AND h.hour = d.hour
    ), made AS (
        INSERT INTO usage_reports (identifier, customer, meter, stripe_event_name, hour, at, value, created_at)
        SELECT usage_report_identifier(_customer, _meter, d.hour, e.count), _customer, _meter, _event_name, d.hour,
            d.hour, d.delta, _now
        FROM deltas AS d
        CROSS JOIN LATERAL (
            SELECT count(*) FROM usage_reports AS r
            WHERE r.customer = _customer AND r.meter = _meter AND r.hour = d.hour
        ) AS e
        WHERE d.delta <> 0
        RETURNING 1
    )
    SELECT count(*) INTO _made FROM made;
    RETURN _made;
END
$$;

-- Maxima, latest and different values cannot be added up: Stripe's meter takes the last value, so it is told what
-- the period so far comes to, at its latest hour. Each further report of that hour is a second later.
CREATE FUNCTION claim_usage_levels(
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

-- Only meters that Stripe has, and that add up as ours do; the others keep what they have to tell. So many customers
-- and meters at a time, after those that were looked at: their locks are held until the transaction ends. The last
-- of them is NULL at the end.
CREATE FUNCTION claim_usage_reports(
    _now timestamptz, _most integer, _after_customer text, _after_meter text,
    OUT made integer, OUT last_customer text, OUT last_meter text
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    _pair record;
    _seen integer := 0;
BEGIN
    made := 0;
    FOR _pair IN
        SELECT DISTINCT h.customer, h.meter, m.aggregation, m.stripe_event_name
        FROM usage_hours AS h
        JOIN usage_meters AS m ON m.name = h.meter
        WHERE h.total <> h.reported AND h.hour <= _now AND usage_meter_fits(m.stripe_event_name, m.aggregation)
            AND (h.customer, h.meter) > (_after_customer, _after_meter)
            -- What a period comes to is only known here where its events are.
            AND (m.aggregation IN ('sum', 'count') OR usage_home(h.customer) = 'postgres')
        -- Everybody takes the customers' locks in this order.
        ORDER BY h.customer, h.meter
        LIMIT _most
    LOOP
        _seen := _seen + 1;
        IF _seen = _most THEN
            last_customer := _pair.customer;
            last_meter := _pair.meter;
        END IF;
        -- Who is being written to is told of with the next run.
        CONTINUE WHEN NOT pg_try_advisory_xact_lock(hashtextextended(_pair.customer, 7115));
        made := made + CASE
            WHEN _pair.aggregation IN ('sum', 'count') THEN
                claim_usage_deltas(_pair.customer, _pair.meter, _pair.stripe_event_name, _now)
            ELSE
                claim_usage_levels(
                    _pair.customer, _pair.meter, _pair.aggregation, _pair.stripe_event_name, _now
                )
        END;
    END LOOP;
END
$$;
COMMENT ON FUNCTION claim_usage_reports IS
    'Writes the reports of what Stripe was not told yet, and that it is told; made is how many.';

CREATE FUNCTION usage_meter_fits(_event_name text, _aggregation text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM billing_meters AS k
        WHERE k.event_name = _event_name AND k.deleted_at IS NULL AND k.status = 'active'
            AND k.aggregation = CASE WHEN _aggregation IN ('sum', 'count') THEN 'sum' ELSE 'last' END
    )
$$;

-- The next report to send. It and its customer and meter are ours until the transaction ends: Stripe takes one call
-- at a time for these.
CREATE FUNCTION next_usage_report(_passed text[]) RETURNS SETOF usage_reports
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    _candidate record;
BEGIN
    FOR _candidate IN
        SELECT r.identifier, r.customer, r.meter
        FROM usage_reports AS r
        WHERE r.sent_at IS NULL AND r.refused IS NULL AND r.identifier <> ALL (_passed)
        ORDER BY r.created_at, r.at, r.identifier
    LOOP
        CONTINUE WHEN NOT pg_try_advisory_xact_lock(
            hashtextextended(_candidate.customer || e'\x01' || _candidate.meter, 7116)
        );
        RETURN QUERY
        SELECT r.* FROM usage_reports AS r
        WHERE r.identifier = _candidate.identifier AND r.sent_at IS NULL AND r.refused IS NULL
        FOR UPDATE SKIP LOCKED;
        IF FOUND THEN
            RETURN;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION next_usage_report IS 'Takes the oldest report that nobody else is sending, none if there is none.';

-- What Stripe has to add up to in a UTC hour: what was sent, and what may have been.
CREATE FUNCTION usage_reported(_customer text, _meter text, _at timestamptz)
RETURNS TABLE (sent numeric, unsent numeric)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT coalesce(sum(r.value) FILTER (WHERE r.sent_at IS NOT NULL), 0),
        coalesce(sum(r.value) FILTER (WHERE r.sent_at IS NULL), 0)
    FROM usage_reports AS r
    WHERE r.customer = _customer AND r.meter = _meter AND r.refused IS NULL
        AND r.hour >= date_trunc('hour', _at, 'UTC') AND r.hour < date_trunc('hour', _at, 'UTC') + interval '1 hour'
$$;

-- The months that nobody asks for any more, so that their events may go: reports reach 35 days back, and an open
-- period may be a year.
CREATE FUNCTION forget_usage(_now timestamptz, _months integer) RETURNS text[]
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT CASE WHEN _months < 1 THEN '{}' ELSE drop_usage_months(
        least(
            (date_trunc('month', _now AT TIME ZONE 'UTC') - make_interval(months => _months)) AT TIME ZONE 'UTC',
            _now - interval '36 days',
            (
                SELECT min(i.period_start)
                FROM subscription_items AS i
                JOIN subscriptions AS s ON s.id = i.subscription AND s.deleted_at IS NULL
                WHERE s.status IN ('trialing', 'active', 'past_due', 'unpaid', 'paused') AND i.period_end > _now
            )
        )
    ) END
$$;
COMMENT ON FUNCTION forget_usage IS 'Drops the events of months that are over for so many months; 0 keeps all.';

GRANT EXECUTE ON FUNCTION claim_usage_reports, next_usage_report, usage_reported, usage_meter_fits, forget_usage
    TO billing_worker;
