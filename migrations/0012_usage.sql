-- Usage: what customers' systems report, and what it adds up to. docs/decisions/0013 says why it is cut this way.
-- An event is never changed: what corrects it is another row, whose quantity is -1.
-- counted_at is when an event counts. That is its time, except for an event of a period that was closed before it
-- came. A day of UTC in which a period starts or ends is kept in two buckets, so that every period is a sum
-- of whole buckets.

CREATE TABLE usage_meters (
    name text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    aggregation text NOT NULL,
    value_property text NOT NULL,
    group_by text[] NOT NULL,
    stripe_event_name text COLLATE "C",
    retired boolean NOT NULL DEFAULT false,
    CONSTRAINT usage_meters_pkey PRIMARY KEY (name),
    CONSTRAINT usage_meters_name_check CHECK (name ~ '^[a-z][a-z0-9_]{0,62}$'),
    CONSTRAINT usage_meters_aggregation_check CHECK (aggregation IN ('sum', 'count', 'max', 'last', 'unique_count')),
    CONSTRAINT usage_meters_stripe_event_name_key UNIQUE (stripe_event_name)
);
COMMENT ON TABLE usage_meters IS
    'What is counted, as meters.json says; what a meter counts never changes, and a retired one counts nothing new.';
CREATE INDEX usage_meters_event_type_idx ON usage_meters (event_type);

-- Kept for ever, whatever becomes of the events: an id is taken once.
CREATE TABLE usage_event_keys (
    customer text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    digest bytea NOT NULL,
    counted_at timestamptz NOT NULL,
    moved_to timestamptz[],
    CONSTRAINT usage_event_keys_pkey PRIMARY KEY (customer, source, id),
    CONSTRAINT usage_event_keys_digest_check CHECK (octet_length(digest) = 16)
);
COMMENT ON TABLE usage_event_keys IS
    'Every event id that was ever taken, with a digest of its content; moved_to is where its late readings count.';

CREATE TABLE usage_events (
    customer text COLLATE "C" NOT NULL,
    meter text COLLATE "C" NOT NULL,
    counted_at timestamptz NOT NULL,
    quantity smallint NOT NULL,
    value numeric,
    distinct_value text COLLATE "C",
    groups text COLLATE "C" NOT NULL,
    time timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    source text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    CONSTRAINT usage_events_quantity_check CHECK (quantity IN (-1, 0, 1))
) PARTITION BY RANGE (counted_at);
COMMENT ON TABLE usage_events IS
    'One row an event and meter: quantity 1 counts, -1 takes one back, 0 is kept and counts nowhere. groups is a JSON list.';
CREATE INDEX usage_events_counted_idx ON usage_events (customer, meter, counted_at);
-- Whatever no month was made for in time.
CREATE TABLE usage_events_default PARTITION OF usage_events DEFAULT;

CREATE TABLE usage_dropped_months (
    month timestamptz NOT NULL,
    CONSTRAINT usage_dropped_months_pkey PRIMARY KEY (month)
);
COMMENT ON TABLE usage_dropped_months IS 'The months whose events are forgotten.';

CREATE TABLE usage_voids (
    customer text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    voided_by text COLLATE "C" NOT NULL,
    meters text[] NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT usage_voids_pkey PRIMARY KEY (customer, source, id)
);
COMMENT ON TABLE usage_voids IS
    'The events taken back, and by which event of the same source; meters are those whose period was open then.';

CREATE TABLE usage_homes (
    customer text COLLATE "C" NOT NULL,
    store text NOT NULL,
    since timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT usage_homes_pkey PRIMARY KEY (customer),
    CONSTRAINT usage_homes_store_check CHECK (store IN ('postgres', 'clickhouse'))
);
COMMENT ON TABLE usage_homes IS 'Which store keeps the events of a customer; this one where there is no row (docs/decisions/0014).';

CREATE TABLE usage_boundaries (
    customer text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    CONSTRAINT usage_boundaries_pkey PRIMARY KEY (customer, at)
);
COMMENT ON TABLE usage_boundaries IS 'The instants, within a day of UTC, at which a period of the customer starts or ends.';

CREATE TABLE usage_rollups (
    customer text COLLATE "C" NOT NULL,
    meter text COLLATE "C" NOT NULL,
    bucket timestamptz NOT NULL,
    groups text COLLATE "C" NOT NULL,
    count bigint NOT NULL,
    sum numeric,
    max numeric,
    last text COLLATE "C",
    CONSTRAINT usage_rollups_pkey PRIMARY KEY (customer, meter, bucket, groups)
);
COMMENT ON TABLE usage_rollups IS
    'What the events of a day, or of its part before or after a boundary, add up to; last is as usage_last writes it.';

CREATE TABLE usage_values (
    customer text COLLATE "C" NOT NULL,
    meter text COLLATE "C" NOT NULL,
    bucket timestamptz NOT NULL,
    groups text COLLATE "C" NOT NULL,
    value text COLLATE "C" NOT NULL,
    CONSTRAINT usage_values_pkey PRIMARY KEY (customer, meter, bucket, groups, value)
);
COMMENT ON TABLE usage_values IS 'The different values of each bucket, for meters that count them.';

-- For meters that a Stripe meter is told of. total is what the hour adds up to; for a meter that is not a sum or
-- a count it only differs from reported when there is something to tell.
CREATE TABLE usage_hours (
    customer text COLLATE "C" NOT NULL,
    meter text COLLATE "C" NOT NULL,
    hour timestamptz NOT NULL,
    total numeric NOT NULL,
    reported numeric NOT NULL DEFAULT 0,
    CONSTRAINT usage_hours_pkey PRIMARY KEY (customer, meter, hour)
);
COMMENT ON TABLE usage_hours IS 'What of each hour, or of its part before or after a boundary, was told to Stripe.';
CREATE INDEX usage_hours_unreported_idx ON usage_hours (customer, meter, hour) WHERE total <> reported;

CREATE TABLE usage_snapshots (
    customer text COLLATE "C" NOT NULL,
    meter text COLLATE "C" NOT NULL,
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL,
    used numeric NOT NULL,
    frozen_at timestamptz NOT NULL,
    CONSTRAINT usage_snapshots_pkey PRIMARY KEY (customer, meter, period_start),
    CONSTRAINT usage_snapshots_period_check CHECK (period_start < period_end)
);
COMMENT ON TABLE usage_snapshots IS 'What was used in each closed period, as it was billed; written once.';

CREATE TABLE usage_policies (
    customer text COLLATE "C" NOT NULL,
    late text NOT NULL,
    CONSTRAINT usage_policies_pkey PRIMARY KEY (customer),
    CONSTRAINT usage_policies_late_check CHECK (late IN ('open_period', 'next_period', 'ignore'))
);
COMMENT ON TABLE usage_policies IS 'What becomes of usage whose period is closed; open_period where there is no row.';

CREATE TABLE usage_findings (
    number bigint GENERATED ALWAYS AS IDENTITY,
    customer text COLLATE "C" NOT NULL,
    meter text COLLATE "C",
    kind text NOT NULL,
    detail jsonb NOT NULL,
    found_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT usage_findings_pkey PRIMARY KEY (number)
);
-- Written again where a request is repeated whose first try was cut off between the two stores.
CREATE UNIQUE INDEX usage_findings_event_key
    ON usage_findings (customer, meter, kind, (detail ->> 'source'), (detail ->> 'id'))
    WHERE kind IN ('late_usage_ignored', 'void_after_close');
COMMENT ON TABLE usage_findings IS 'What an operator has to know of: usage that counts nowhere, and what Stripe refused.';
CREATE INDEX usage_findings_customer_idx ON usage_findings (customer, number);

CREATE TABLE usage_thresholds (
    customer text COLLATE "C" NOT NULL,
    meter text COLLATE "C" NOT NULL,
    kind text NOT NULL,
    value numeric NOT NULL,
    CONSTRAINT usage_thresholds_pkey PRIMARY KEY (customer, meter, kind, value),
    CONSTRAINT usage_thresholds_kind_check CHECK (kind IN ('percent', 'amount', 'projected_cost')),
    CONSTRAINT usage_thresholds_value_check CHECK (value > 0)
);
COMMENT ON TABLE usage_thresholds IS 'The thresholds that customers set; without any, the defaults hold.';

-- That a customer set none is another thing than that it never set any.
CREATE TABLE usage_threshold_choices (
    customer text COLLATE "C" NOT NULL,
    chosen_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT usage_threshold_choices_pkey PRIMARY KEY (customer)
);
COMMENT ON TABLE usage_threshold_choices IS 'The customers whose own thresholds hold, also where these are none.';

CREATE TABLE usage_alerts (
    customer text COLLATE "C" NOT NULL,
    meter text COLLATE "C" NOT NULL,
    kind text NOT NULL,
    threshold numeric NOT NULL,
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL,
    fired_at timestamptz NOT NULL,
    used numeric NOT NULL,
    included numeric,
    projected_cost bigint,
    currency text,
    CONSTRAINT usage_alerts_pkey PRIMARY KEY (customer, meter, kind, threshold, period_start)
);
COMMENT ON TABLE usage_alerts IS 'The thresholds that were reached, each once a period.';

CREATE TABLE events (
    number bigint GENERATED ALWAYS AS IDENTITY,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    type text NOT NULL,
    customer text COLLATE "C" NOT NULL,
    data jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz,
    CONSTRAINT events_pkey PRIMARY KEY (number),
    CONSTRAINT events_id_key UNIQUE (id)
);
COMMENT ON TABLE events IS 'The outbox: what others are to hear of, written with what it tells of.';
CREATE INDEX events_unpublished_idx ON events (number) WHERE published_at IS NULL;

-- ---- row security ------------------------------------------------------------------------------------------

DO $$
DECLARE
    own text;
BEGIN
    FOREACH own IN ARRAY ARRAY[
        'usage_meters', 'usage_event_keys', 'usage_events', 'usage_dropped_months', 'usage_voids', 'usage_homes',
        'usage_boundaries', 'usage_rollups', 'usage_values', 'usage_hours', 'usage_snapshots', 'usage_policies', 'usage_findings', 'usage_thresholds',
        'usage_threshold_choices', 'usage_alerts', 'events'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', own);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', own);
        EXECUTE format('CREATE POLICY owner_operates ON %I TO CURRENT_USER USING (true) WITH CHECK (true)', own);
        EXECUTE format('CREATE POLICY worker_meters ON %I TO billing_worker USING (true) WITH CHECK (true)', own);
        EXECUTE format('GRANT SELECT ON %I TO billing_worker', own);
    END LOOP;
    FOREACH own IN ARRAY ARRAY[
        'usage_events', 'usage_voids', 'usage_homes', 'usage_boundaries', 'usage_rollups', 'usage_values',
        'usage_snapshots',
        'usage_policies', 'usage_thresholds', 'usage_threshold_choices', 'usage_alerts'
    ] LOOP
        EXECUTE format(
            'CREATE POLICY customer_reads_own ON %I FOR SELECT TO billing_api'
            ' USING (customer = current_setting(''billing.customer'', true))',
            own
        );
        EXECUTE format('GRANT SELECT ON %I TO billing_api', own);
    END LOOP;
    -- What a customer itself may write, as itself.
    FOREACH own IN ARRAY ARRAY['usage_thresholds', 'usage_threshold_choices', 'usage_alerts', 'events'] LOOP
        EXECUTE format(
            'CREATE POLICY customer_writes_own ON %I FOR INSERT TO billing_api'
            ' WITH CHECK (customer = current_setting(''billing.customer'', true))',
            own
        );
        EXECUTE format('GRANT INSERT ON %I TO billing_api', own);
    END LOOP;
END
$$;
CREATE POLICY customer_replaces_own ON usage_thresholds FOR DELETE TO billing_api
    USING (customer = current_setting('billing.customer', true));
GRANT DELETE ON usage_thresholds TO billing_api;
CREATE POLICY customer_chooses_again ON usage_threshold_choices FOR UPDATE TO billing_api
    USING (customer = current_setting('billing.customer', true));
GRANT UPDATE (chosen_at) ON usage_threshold_choices TO billing_api;
CREATE POLICY everybody_reads ON usage_meters FOR SELECT TO billing_api USING (true);
GRANT SELECT ON usage_meters TO billing_api;
GRANT INSERT, UPDATE ON usage_hours, usage_policies TO billing_worker;
GRANT INSERT ON usage_snapshots, usage_findings, usage_alerts, events TO billing_worker;
GRANT UPDATE (published_at) ON events TO billing_worker;

-- ---- how usage is cut and added up -------------------------------------------------------------------------

-- An expression that the planner puts in place, because it stands for every event; date_trunc is not immutable.
CREATE FUNCTION usage_bucket(at timestamptz, unit text, cuts timestamptz[]) RETURNS timestamptz
LANGUAGE sql IMMUTABLE RETURN greatest(
    date_bin(
        CASE unit WHEN 'day' THEN interval '24 hours' ELSE interval '1 hour' END, at,
        timestamptz '2000-01-01 00:00:00+00'
    ),
    cuts[width_bucket(at, cuts)]
);
COMMENT ON FUNCTION usage_bucket IS
    'Where the bucket starts that an instant lies in: its UTC day or hour, or a cut within it; the cuts are in order.';

-- The latest of several is the greatest of these texts: by time, then source and id, so that the order in which
-- events arrive makes no difference. No source and no id has a control character. Compared as bytes (COLLATE "C").
CREATE FUNCTION usage_last(at timestamptz, source text, id text, value numeric) RETURNS text
LANGUAGE sql IMMUTABLE RETURN
    lpad(((extract(epoch FROM at) * 1000000)::bigint)::text, 20, '0')
    || e'\x01' || source || e'\x01' || id || e'\x01' || value;

CREATE FUNCTION usage_last_value(last text) RETURNS numeric
LANGUAGE sql IMMUTABLE RETURN split_part(last, e'\x01', 4)::numeric;

-- What lies in the span, event by event.
CREATE FUNCTION usage_parts(_customer text, _meter text, _start timestamptz, _end timestamptz)
RETURNS TABLE (bucket timestamptz, groups text, count bigint, sum numeric, max numeric, last text)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT e.counted_at, e.groups, e.quantity::bigint, e.value * e.quantity,
        CASE WHEN e.quantity = 1 AND v.id IS NULL THEN e.value END,
        CASE WHEN e.quantity = 1 AND v.id IS NULL THEN usage_last(e.time, e.source, e.id, e.value) END
    FROM usage_events AS e
    LEFT JOIN usage_voids AS v
        ON v.customer = e.customer AND v.source = e.source AND v.id = e.id AND e.meter = ANY (v.meters)
    WHERE e.customer = _customer AND e.meter = _meter AND e.quantity <> 0
        AND e.counted_at >= _start AND e.counted_at < _end
$$;

CREATE FUNCTION usage_value_parts(_customer text, _meter text, _start timestamptz, _end timestamptz)
RETURNS TABLE (bucket timestamptz, groups text, value text)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT e.counted_at, e.groups, e.distinct_value
    FROM usage_events AS e
    LEFT JOIN usage_voids AS v
        ON v.customer = e.customer AND v.source = e.source AND v.id = e.id AND e.meter = ANY (v.meters)
    WHERE e.customer = _customer AND e.meter = _meter AND e.quantity = 1 AND v.id IS NULL
        AND e.counted_at >= _start AND e.counted_at < _end
$$;

-- Whole buckets from the rollups, and what of a bucket lies in the span from the events.
CREATE FUNCTION usage_pieces(_customer text, _meter text, _start timestamptz, _end timestamptz)
RETURNS TABLE (bucket timestamptz, groups text, count bigint, sum numeric, max numeric, last text)
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
DECLARE
    _head timestamptz := usage_cut_from(_customer, _start);
    _tail timestamptz := usage_cut_before(_customer, _end);
BEGIN
    RETURN QUERY
    SELECT r.bucket, r.groups, r.count, r.sum, r.max, r.last
    FROM usage_rollups AS r
    WHERE r.customer = _customer AND r.meter = _meter AND r.bucket >= _head AND r.bucket < _tail;
    IF _start < _head THEN
        RETURN QUERY SELECT * FROM usage_parts(_customer, _meter, _start, least(_head, _end));
    END IF;
    IF _tail < _end THEN
        RETURN QUERY SELECT * FROM usage_parts(_customer, _meter, greatest(_tail, _head), _end);
    END IF;
END
$$;

CREATE FUNCTION usage_value_pieces(_customer text, _meter text, _start timestamptz, _end timestamptz)
RETURNS TABLE (bucket timestamptz, groups text, value text)
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
DECLARE
    _head timestamptz := usage_cut_from(_customer, _start);
    _tail timestamptz := usage_cut_before(_customer, _end);
BEGIN
    RETURN QUERY
    SELECT u.bucket, u.groups, u.value
    FROM usage_values AS u
    WHERE u.customer = _customer AND u.meter = _meter AND u.bucket >= _head AND u.bucket < _tail;
    IF _start < _head THEN
        RETURN QUERY SELECT * FROM usage_value_parts(_customer, _meter, _start, least(_head, _end));
    END IF;
    IF _tail < _end THEN
        RETURN QUERY SELECT * FROM usage_value_parts(_customer, _meter, greatest(_tail, _head), _end);
    END IF;
END
$$;

-- A rollup holds up to a day, so steps of an hour are added up from the events.
CREATE FUNCTION usage_steps(_customer text, _meter text, _start timestamptz, _end timestamptz, _grain text)
RETURNS TABLE (bucket timestamptz, groups text, count bigint, sum numeric, max numeric, last text)
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
BEGIN
    IF _grain = 'hour' THEN
        RETURN QUERY SELECT * FROM usage_parts(_customer, _meter, _start, _end);
    ELSE
        RETURN QUERY SELECT * FROM usage_pieces(_customer, _meter, _start, _end);
    END IF;
END
$$;

CREATE FUNCTION usage_value_steps(_customer text, _meter text, _start timestamptz, _end timestamptz, _grain text)
RETURNS TABLE (bucket timestamptz, groups text, value text)
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
BEGIN
    IF _grain = 'hour' THEN
        RETURN QUERY SELECT * FROM usage_value_parts(_customer, _meter, _start, _end);
    ELSE
        RETURN QUERY SELECT * FROM usage_value_pieces(_customer, _meter, _start, _end);
    END IF;
END
$$;

-- The first cut that is not before an instant: a midnight of UTC or a boundary.
CREATE FUNCTION usage_cut_from(_customer text, _at timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
BEGIN
    IF _at = date_trunc('day', _at, 'UTC')
        OR EXISTS (SELECT FROM usage_boundaries AS b WHERE b.customer = _customer AND b.at = _at)
    THEN
        RETURN _at;
    END IF;
    RETURN least(
        date_trunc('day', _at, 'UTC') + interval '24 hours',
        (SELECT min(b.at) FROM usage_boundaries AS b WHERE b.customer = _customer AND b.at > _at)
    );
END
$$;

-- The last cut that is not after an instant.
CREATE FUNCTION usage_cut_before(_customer text, _at timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
BEGIN
    RETURN greatest(
        date_trunc('day', _at, 'UTC'),
        (SELECT max(b.at) FROM usage_boundaries AS b WHERE b.customer = _customer AND b.at <= _at)
    );
END
$$;

CREATE FUNCTION usage_between(
    _customer text, _meter text, _aggregation text, _start timestamptz, _end timestamptz
) RETURNS numeric
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
BEGIN
    IF _aggregation = 'unique_count' THEN
        RETURN (SELECT count(DISTINCT p.value) FROM usage_value_pieces(_customer, _meter, _start, _end) AS p);
    END IF;
    RETURN (
        SELECT coalesce(
            CASE _aggregation
                WHEN 'sum' THEN sum(p.sum)
                WHEN 'count' THEN sum(p.count)
                WHEN 'max' THEN max(p.max)
                ELSE usage_last_value(max(p.last COLLATE "C"))
            END,
            0
        )
        FROM usage_pieces(_customer, _meter, _start, _end) AS p
    );
END
$$;
COMMENT ON FUNCTION usage_between IS 'What a customer used of a meter in any span, exact to the event.';

-- One plan, kept, for the spans that are whole buckets, as the period of a subscription is once usage of it came.
CREATE FUNCTION usage_in(_customer text, _meters text[], _starts timestamptz[], _ends timestamptz[])
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
COMMENT ON FUNCTION usage_in IS 'What a customer used of several meters, each in a span of its own; zero where nothing was.';

-- ---- what usage is held against ----------------------------------------------------------------------------

-- The item that prices each meter. Stripe bills the usage of these statuses: an unpaid subscription still makes
-- invoices, as drafts; a paused one makes none, and an incomplete one has not begun. A price that was archived is
-- still what is paid. A function, because planning the join costs four times what running it does.
CREATE FUNCTION usage_items(_customer text)
RETURNS TABLE (
    meter text, subscription text, status text, billing_cycle_anchor timestamptz, item text,
    period_start timestamptz, period_end timestamptz, price text, currency text, billing_scheme text,
    unit_amount numeric, tiers_mode text, tiers jsonb, recurring_interval text, recurring_interval_count integer,
    transform_divide_by integer, transform_round text
)
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT DISTINCT ON (own.name) own.name, s.id, s.status, s.billing_cycle_anchor, i.id, i.period_start,
        i.period_end, p.id, p.currency, p.billing_scheme, p.unit_amount, p.tiers_mode, p.tiers,
        p.recurring_interval, p.recurring_interval_count, p.transform_divide_by, p.transform_round
    FROM subscriptions AS s
    JOIN subscription_items AS i ON i.subscription = s.id
    JOIN prices AS p ON p.id = i.price AND p.deleted_at IS NULL
    JOIN billing_meters AS b ON b.id = p.recurring_meter AND b.deleted_at IS NULL
    JOIN usage_meters AS own ON own.stripe_event_name = b.event_name
    WHERE s.customer = _customer AND s.deleted_at IS NULL
        AND s.status IN ('trialing', 'active', 'past_due', 'unpaid')
    ORDER BY own.name, s.created, s.id, i.position;
END
$$;
COMMENT ON FUNCTION usage_items IS 'What prices each meter of a customer: of several, the item that was created first.';
GRANT EXECUTE ON FUNCTION usage_items TO billing_api, billing_worker;

-- ---- how usage is written ----------------------------------------------------------------------------------

-- The meters that have closed periods of the customer, and where what is late counts: NULL where it does not count.
-- What is closed stays as it is, also where a clock is behind.
CREATE FUNCTION usage_closings(_customer text, _recorded_at timestamptz)
RETURNS TABLE (meter text, closed_until timestamptz, place timestamptz)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT c.meter, c.until, CASE p.late
        WHEN 'ignore' THEN NULL
        WHEN 'next_period' THEN coalesce(n.at, f.at)
        ELSE f.at
    END
    FROM (
        SELECT s.meter, max(s.period_end) AS until
        FROM usage_snapshots AS s
        WHERE s.customer = _customer
        GROUP BY s.meter
    ) AS c
    CROSS JOIN LATERAL (SELECT greatest(_recorded_at, c.until) AS at) AS f
    LEFT JOIN usage_policies AS p ON p.customer = _customer
    CROSS JOIN LATERAL (
        SELECT min(b.at) AS at
        FROM usage_meters AS m
        JOIN billing_meters AS k ON k.event_name = m.stripe_event_name AND k.deleted_at IS NULL
        JOIN prices AS r ON r.recurring_meter = k.id
        JOIN subscription_items AS i ON i.price = r.id AND i.customer = _customer
        JOIN subscriptions AS u ON u.id = i.subscription AND u.deleted_at IS NULL
        CROSS JOIN LATERAL (VALUES (i.period_start), (i.period_end)) AS b (at)
        WHERE m.name = c.meter AND b.at > f.at
    ) AS n
$$;
COMMENT ON FUNCTION usage_closings IS 'Until when each meter is closed for a customer, and where late usage of it counts.';

-- The days are added up anew from their events: after a boundary became known, and after a void.
CREATE FUNCTION rebuild_usage(_customer text, _days timestamptz[]) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    _cuts timestamptz[] := ARRAY(SELECT b.at FROM usage_boundaries AS b WHERE b.customer = _customer ORDER BY b.at);
    _day timestamptz;
BEGIN
    FOREACH _day IN ARRAY _days LOOP
        -- Of a forgotten month there is nothing but what was added up.
        CONTINUE WHEN EXISTS (
            SELECT FROM usage_dropped_months AS d WHERE d.month = date_trunc('month', _day, 'UTC')
        );
        DELETE FROM usage_rollups AS r
        WHERE r.customer = _customer AND r.bucket >= _day AND r.bucket < _day + interval '24 hours';
        DELETE FROM usage_values AS u
        WHERE u.customer = _customer AND u.bucket >= _day AND u.bucket < _day + interval '24 hours';
        UPDATE usage_hours AS h SET total = 0
        WHERE h.customer = _customer AND h.hour >= _day AND h.hour < _day + interval '24 hours';
        WITH counted AS (
            SELECT e.*, e.quantity = 1 AND v.id IS NULL AS stands
            FROM usage_events AS e
            LEFT JOIN usage_voids AS v
                ON v.customer = e.customer AND v.source = e.source AND v.id = e.id AND e.meter = ANY (v.meters)
            WHERE e.customer = _customer AND e.counted_at >= _day AND e.counted_at < _day + interval '24 hours'
                AND e.quantity <> 0
        ), rolled AS (
            INSERT INTO usage_rollups
            SELECT _customer, c.meter, usage_bucket(c.counted_at, 'day', _cuts) AS bucket, c.groups,
                sum(c.quantity), sum(c.value * c.quantity), max(c.value) FILTER (WHERE c.stands),
                max(usage_last(c.time, c.source, c.id, c.value) COLLATE "C")
                    FILTER (WHERE c.stands AND m.aggregation = 'last')
            FROM counted AS c
            JOIN usage_meters AS m ON m.name = c.meter
            GROUP BY c.meter, bucket, c.groups
        ), hours AS (
            INSERT INTO usage_hours AS h (customer, meter, hour, total)
            SELECT _customer, c.meter, usage_bucket(c.counted_at, 'hour', _cuts) AS bucket,
                CASE m.aggregation
                    WHEN 'sum' THEN sum(c.value * c.quantity)
                    WHEN 'count' THEN sum(c.quantity)
                    ELSE count(*)
                END
            FROM counted AS c
            JOIN usage_meters AS m ON m.name = c.meter AND m.stripe_event_name IS NOT NULL
            GROUP BY c.meter, bucket, m.aggregation
            ON CONFLICT (customer, meter, hour) DO UPDATE SET total = excluded.total
        )
        INSERT INTO usage_values
        SELECT DISTINCT _customer, c.meter, usage_bucket(c.counted_at, 'day', _cuts), c.groups, c.distinct_value
        FROM counted AS c
        WHERE c.stands AND c.distinct_value IS NOT NULL;
    END LOOP;
END
$$;
COMMENT ON FUNCTION rebuild_usage IS 'Adds days of UTC up anew from their events.';

-- The events are given as columns, in order, and what each meter reads of them as more columns, `_of` being the
-- number of the event from 1. Returns what became of each event, in order.
CREATE FUNCTION store_usage(
    _customer text, _recorded_at timestamptz, _sources text[], _ids text[], _digests bytea[], _times timestamptz[],
    _of integer[], _meters text[], _values numeric[], _distincts text[], _groups text[]
) RETURNS text[]
LANGUAGE plpgsql SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    _cuts timestamptz[];
    _earliest timestamptz := (SELECT min(t.at) FROM unnest(_times) AS t (at));
    _closed timestamptz := coalesce(
        (SELECT max(s.period_end) FROM usage_snapshots AS s WHERE s.customer = _customer), '-infinity'
    );
    _closed_meters text[];
    _closed_until timestamptz[];
    _places timestamptz[];
    _outcomes text[];
BEGIN
    _cuts := ARRAY(
        SELECT b.at FROM usage_boundaries AS b
        WHERE b.customer = _customer
            AND b.at > least(_earliest, _recorded_at) - interval '24 hours'
        ORDER BY b.at
    );
    IF _earliest < _closed THEN
        -- By meter, because two meters may have periods of their own.
        SELECT array_agg(c.meter), array_agg(c.closed_until), array_agg(c.place)
        INTO _closed_meters, _closed_until, _places
        FROM usage_closings(_customer, _recorded_at) AS c;
    END IF;
    WITH sent AS (
        SELECT e.*
        FROM unnest(_sources, _ids, _digests, _times) WITH ORDINALITY AS e (source, id, digest, time, place)
    ), firsts AS (
        SELECT DISTINCT ON (s.source, s.id) s.* FROM sent AS s ORDER BY s.source, s.id, s.place
    ), late AS (
        SELECT r.place AS event, r.meter, c.place AS at
        FROM unnest(_closed_meters, _closed_until, _places) AS c (meter, until, place)
        JOIN unnest(_of, _meters) AS r (place, meter) ON r.meter = c.meter AND _times[r.place] < c.until
    ), moved AS (
        SELECT l.event, array_agg(DISTINCT l.at) FILTER (WHERE l.at IS NOT NULL) AS places
        FROM late AS l
        GROUP BY l.event
    ), fresh AS (
        INSERT INTO usage_event_keys (customer, source, id, digest, counted_at, moved_to)
        SELECT _customer, f.source, f.id, f.digest, f.time, m.places
        FROM firsts AS f
        LEFT JOIN moved AS m ON m.event = f.place
        ON CONFLICT DO NOTHING
        RETURNING source, id
    ), accepted AS (
        SELECT f.* FROM firsts AS f JOIN fresh USING (source, id)
    ), readings AS (
        SELECT r.meter, CASE WHEN l.at IS NULL THEN a.time ELSE l.at END AS counted_at,
            CASE WHEN l.event IS NOT NULL AND l.at IS NULL THEN 0 ELSE 1 END AS quantity,
            r.value, r.distinct_value, r.groups, a.time, a.source, a.id
        FROM accepted AS a
        JOIN unnest(_of, _meters, _values, _distincts, _groups) AS r (place, meter, value, distinct_value, groups)
            ON r.place = a.place
        LEFT JOIN late AS l ON l.event = r.place AND l.meter = r.meter
    ), stored AS (
        INSERT INTO usage_events
            (customer, meter, counted_at, quantity, value, distinct_value, groups, time, recorded_at, source, id)
        SELECT _customer, r.meter, r.counted_at, r.quantity, r.value, r.distinct_value, r.groups, r.time,
            _recorded_at, r.source, r.id
        FROM readings AS r
    ), rolled AS (
        INSERT INTO usage_rollups AS u
        SELECT _customer, r.meter, usage_bucket(r.counted_at, 'day', _cuts) AS bucket, r.groups, count(*),
            sum(r.value), max(r.value),
            max(usage_last(r.time, r.source, r.id, r.value) COLLATE "C") FILTER (WHERE m.aggregation = 'last')
        FROM readings AS r
        JOIN usage_meters AS m ON m.name = r.meter
        WHERE r.quantity = 1
        GROUP BY r.meter, bucket, r.groups
        ON CONFLICT (customer, meter, bucket, groups) DO UPDATE
        SET count = u.count + excluded.count, sum = coalesce(u.sum + excluded.sum, u.sum, excluded.sum),
            max = greatest(u.max, excluded.max), last = greatest(u.last, excluded.last)
    ), hours AS (
        INSERT INTO usage_hours AS h (customer, meter, hour, total)
        SELECT _customer, r.meter, usage_bucket(r.counted_at, 'hour', _cuts) AS bucket,
            CASE m.aggregation WHEN 'sum' THEN sum(r.value) ELSE count(*) END
        FROM readings AS r
        JOIN usage_meters AS m ON m.name = r.meter AND m.stripe_event_name IS NOT NULL
        WHERE r.quantity = 1
        GROUP BY r.meter, bucket, m.aggregation
        ON CONFLICT (customer, meter, hour) DO UPDATE SET total = h.total + excluded.total
    ), valued AS (
        INSERT INTO usage_values
        SELECT DISTINCT _customer, r.meter, usage_bucket(r.counted_at, 'day', _cuts), r.groups, r.distinct_value
        FROM readings AS r
        WHERE r.quantity = 1 AND r.distinct_value IS NOT NULL
        ON CONFLICT DO NOTHING
    ), found AS (
        INSERT INTO usage_findings (customer, meter, kind, detail)
        SELECT _customer, r.meter, 'late_usage_ignored',
            jsonb_build_object(
                'source', r.source, 'id', r.id, 'time', r.time, 'value', r.value::text, 'distinct', r.distinct_value
            )
        FROM readings AS r
        WHERE r.quantity = 0
    )
    SELECT array_agg(
        CASE
            WHEN a.place = s.place THEN 'accepted'
            WHEN coalesce(
                a.digest,
                (
                    SELECT k.digest FROM usage_event_keys AS k
                    WHERE k.customer = _customer AND k.source = s.source AND k.id = s.id
                )
            ) = s.digest THEN 'duplicate'
            ELSE 'conflict'
        END
        ORDER BY s.place
    )
    INTO _outcomes
    FROM sent AS s
    LEFT JOIN accepted AS a ON a.source = s.source AND a.id = s.id;
    RETURN coalesce(_outcomes, '{}');
END
$$;
COMMENT ON FUNCTION store_usage IS 'Keeps events of one customer that are not known yet, and adds them up.';

-- Takes one event back: in its own period while that is open, else by the policy for late usage. The days that
-- it returns are to be rebuilt, once for all events of a request.
CREATE FUNCTION void_usage(
    _customer text, _recorded_at timestamptz, _source text, _id text, _voids text, _digest bytea,
    OUT outcome text, OUT days timestamptz[]
)
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    _known bytea := (
        SELECT k.digest FROM usage_event_keys AS k
        WHERE k.customer = _customer AND k.source = _source AND k.id = _id
    );
    _counted_at timestamptz[];
BEGIN
    IF _known IS NOT NULL THEN
        outcome := CASE WHEN _known = _digest THEN 'duplicate' ELSE 'conflict' END;
        RETURN;
    END IF;
    SELECT array_append(k.moved_to, k.counted_at) INTO _counted_at
    FROM usage_event_keys AS k
    WHERE k.customer = _customer AND k.source = _source AND k.id = _voids;
    -- What only took another back, or is forgotten, is nothing that can be voided.
    IF NOT EXISTS (
        SELECT FROM usage_events AS e
        WHERE e.customer = _customer AND e.counted_at = ANY (_counted_at) AND e.source = _source AND e.id = _voids
            AND e.quantity >= 0
    ) THEN
        outcome := 'unknown_event';
        RETURN;
    END IF;
    INSERT INTO usage_voids (customer, source, id, voided_by, meters, recorded_at)
    VALUES (_customer, _source, _voids, _id, '{}', _recorded_at)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        outcome := 'already_voided';
        RETURN;
    END IF;
    INSERT INTO usage_event_keys (customer, source, id, digest, counted_at)
    VALUES (_customer, _source, _id, _digest, _counted_at[cardinality(_counted_at)]);
    WITH taken AS (
        SELECT e.*, c.meter IS NOT NULL AS closed,
            CASE WHEN c.meter IS NULL THEN e.counted_at ELSE c.place END AS back_at
        FROM usage_events AS e
        LEFT JOIN usage_closings(_customer, _recorded_at) AS c ON c.meter = e.meter AND e.counted_at < c.closed_until
        WHERE e.customer = _customer AND e.counted_at = ANY (_counted_at) AND e.source = _source AND e.id = _voids
            AND e.quantity = 1
    ), opened AS (
        UPDATE usage_voids AS v
        SET meters = ARRAY(SELECT t.meter FROM taken AS t WHERE NOT t.closed)
        WHERE v.customer = _customer AND v.source = _source AND v.id = _voids
    ), back AS (
        INSERT INTO usage_events
            (customer, meter, counted_at, quantity, value, distinct_value, groups, time, recorded_at, source, id)
        SELECT _customer, t.meter, t.back_at, -1, t.value, t.distinct_value, t.groups, t.time, _recorded_at,
            _source, _id
        FROM taken AS t
        WHERE t.back_at IS NOT NULL
        RETURNING counted_at
    ), found AS (
        INSERT INTO usage_findings (customer, meter, kind, detail)
        SELECT _customer, t.meter, 'void_after_close',
            jsonb_build_object(
                'source', _source, 'id', _id, 'voids', _voids, 'time', t.time, 'value', t.value::text,
                'distinct', t.distinct_value
            )
        FROM taken AS t
        JOIN usage_meters AS m ON m.name = t.meter
        WHERE t.closed AND (t.back_at IS NULL OR m.aggregation NOT IN ('sum', 'count'))
    )
    -- The compensating row may count on another day than the event.
    SELECT array_agg(DISTINCT date_trunc('day', b.counted_at, 'UTC')) INTO days FROM back AS b;
    outcome := 'accepted';
END
$$;
COMMENT ON FUNCTION void_usage IS 'Takes an event back by another row.';

CREATE FUNCTION usage_home(_customer text) RETURNS text
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT coalesce((SELECT h.store FROM usage_homes AS h WHERE h.customer = _customer), 'postgres')
$$;
COMMENT ON FUNCTION usage_home IS 'Which store keeps the events of a customer.';

-- Returns those that were not known.
CREATE FUNCTION learn_usage_boundaries(_customer text) RETURNS timestamptz[]
LANGUAGE sql SET search_path = public, pg_temp AS $$
    WITH known AS (
        INSERT INTO usage_boundaries (customer, at)
        SELECT DISTINCT _customer, b.at
        FROM subscriptions AS s
        JOIN subscription_items AS i ON i.subscription = s.id
        CROSS JOIN LATERAL (VALUES (i.period_start), (i.period_end)) AS b (at)
        WHERE s.customer = _customer AND s.deleted_at IS NULL AND b.at <> date_trunc('day', b.at, 'UTC')
        ON CONFLICT DO NOTHING
        RETURNING at
    )
    SELECT coalesce(array_agg(k.at), '{}') FROM known AS k
$$;
COMMENT ON FUNCTION learn_usage_boundaries IS 'Keeps the ends of the periods of a customer''s subscriptions.';

-- All that one request writes. One customer's requests wait for each other, so that whoever crosses a threshold
-- knows it; `_voids` has an empty text where an event voids none.
CREATE FUNCTION record_usage(
    _recorded_at timestamptz, _sources text[], _ids text[], _digests bytea[], _times timestamptz[], _voids text[],
    _of integer[], _meters text[], _values numeric[], _distincts text[], _groups text[]
) RETURNS text[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    _customer text := current_setting('billing.customer', true);
    _plain integer[] := ARRAY(SELECT v.place FROM unnest(_voids) WITH ORDINALITY AS v (id, place) WHERE v.id = '');
    _outcomes text[] := array_fill('accepted'::text, ARRAY[cardinality(_ids)]);
    _days timestamptz[];
    _rebuilt timestamptz[] := '{}';
    _outcome text;
    _stored text[];
    _place integer;
BEGIN
    IF coalesce(_customer, '') = '' THEN
        RAISE EXCEPTION 'usage is recorded for a customer' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM lock_usage(_customer);
    IF usage_home(_customer) <> 'postgres' THEN
        RAISE EXCEPTION 'the usage is kept elsewhere' USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    _days := ARRAY(
        SELECT DISTINCT date_trunc('day', k.at, 'UTC') FROM unnest(learn_usage_boundaries(_customer)) AS k (at)
    );
    PERFORM rebuild_usage(_customer, _days);
    -- What may be late is judged by the invoices that are finalised by now.
    IF cardinality(_plain) < cardinality(_ids) OR (SELECT min(t.at) FROM unnest(_times) AS t (at)) < (
        SELECT max(i.period_start)
        FROM subscriptions AS s
        JOIN subscription_items AS i ON i.subscription = s.id
        WHERE s.customer = _customer AND s.deleted_at IS NULL
    ) THEN
        PERFORM freeze_billed_usage(_customer, _recorded_at);
    END IF;
    IF cardinality(_plain) = cardinality(_ids) THEN
        RETURN store_usage(
            _customer, _recorded_at, _sources, _ids, _digests, _times, _of, _meters, _values, _distincts, _groups
        );
    END IF;
    IF cardinality(_plain) > 0 THEN
        _stored := store_usage_of(
            _plain, _customer, _recorded_at, _sources, _ids, _digests, _times, _of, _meters, _values, _distincts,
            _groups
        );
        FOR _place IN 1 .. cardinality(_plain) LOOP
            _outcomes[_plain[_place]] := _stored[_place];
        END LOOP;
    END IF;
    FOR _place IN SELECT v.place FROM unnest(_voids) WITH ORDINALITY AS v (id, place) WHERE v.id <> '' ORDER BY 1 LOOP
        SELECT v.outcome, v.days INTO _outcome, _days
        FROM void_usage(
            _customer, _recorded_at, _sources[_place], _ids[_place], _voids[_place], _digests[_place]
        ) AS v;
        _outcomes[_place] := _outcome;
        _rebuilt := _rebuilt || _days;
        IF _outcomes[_place] = 'accepted' AND _place = ANY (_of) THEN
            -- What stands in the place of the voided event. Its id was just taken by the void.
            DELETE FROM usage_event_keys AS k
            WHERE k.customer = _customer AND k.source = _sources[_place] AND k.id = _ids[_place];
            PERFORM store_usage_of(
                ARRAY[_place], _customer, _recorded_at, _sources, _ids, _digests, _times, _of, _meters, _values,
                _distincts, _groups
            );
        END IF;
    END LOOP;
    PERFORM rebuild_usage(_customer, ARRAY(SELECT DISTINCT d.day FROM unnest(_rebuilt) AS d (day)));
    RETURN _outcomes;
END
$$;
COMMENT ON FUNCTION record_usage IS 'Records the usage of the customer of billing.customer.';

-- store_usage of some of the events, by their places.
CREATE FUNCTION store_usage_of(
    _places integer[], _customer text, _recorded_at timestamptz, _sources text[], _ids text[], _digests bytea[],
    _times timestamptz[], _of integer[], _meters text[], _values numeric[], _distincts text[], _groups text[]
) RETURNS text[]
LANGUAGE sql SET search_path = public, pg_temp AS $$
    WITH chosen AS (
        SELECT p.place, row_number() OVER (ORDER BY p.place) AS number
        FROM unnest(_places) AS p (place)
    ), events AS (
        SELECT array_agg(_sources[c.place] ORDER BY c.number) AS sources,
            array_agg(_ids[c.place] ORDER BY c.number) AS ids,
            array_agg(_digests[c.place] ORDER BY c.number) AS digests,
            array_agg(_times[c.place] ORDER BY c.number) AS times
        FROM chosen AS c
    ), readings AS (
        SELECT coalesce(array_agg(c.number::integer ORDER BY r.place), '{}') AS places,
            coalesce(array_agg(r.meter ORDER BY r.place), '{}') AS meters,
            coalesce(array_agg(r.value ORDER BY r.place), '{}') AS amounts,
            coalesce(array_agg(r.distinct_value ORDER BY r.place), '{}') AS distincts,
            coalesce(array_agg(r.groups ORDER BY r.place), '{}') AS groups
        FROM unnest(_of, _meters, _values, _distincts, _groups)
            WITH ORDINALITY AS r (event, meter, value, distinct_value, groups, place)
        JOIN chosen AS c ON c.place = r.event
    )
    SELECT store_usage(
        _customer, _recorded_at, e.sources, e.ids, e.digests, e.times, r.places, r.meters, r.amounts, r.distincts,
        r.groups
    )
    FROM events AS e, readings AS r
$$;

CREATE FUNCTION lock_usage(_customer text) RETURNS void
LANGUAGE sql AS $$ SELECT pg_advisory_xact_lock(hashtextextended(_customer, 7115)) $$;
COMMENT ON FUNCTION lock_usage IS 'Makes everything that writes a customer''s usage wait for its turn.';

-- The first snapshot of a period stands; what comes after it is late.
CREATE FUNCTION freeze_usage(_customer text, _meter text, _start timestamptz, _end timestamptz, _at timestamptz)
RETURNS usage_snapshots
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    _snapshot usage_snapshots;
BEGIN
    PERFORM lock_usage(_customer);
    IF usage_home(_customer) <> 'postgres' THEN
        RAISE EXCEPTION 'the usage is kept elsewhere' USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    INSERT INTO usage_snapshots (customer, meter, period_start, period_end, used, frozen_at)
    SELECT _customer, _meter, _start, _end, usage_between(_customer, _meter, m.aggregation, _start, _end), _at
    FROM usage_meters AS m
    WHERE m.name = _meter
    ON CONFLICT DO NOTHING;
    SELECT * INTO STRICT _snapshot FROM usage_snapshots AS s
    WHERE s.customer = _customer AND s.meter = _meter AND s.period_start = _start;
    RETURN _snapshot;
END
$$;
COMMENT ON FUNCTION freeze_usage IS 'Closes a period and keeps what was used in it.';

-- A period is closed once an invoice of it is finalised: from then on Stripe bills nothing more for it. Without a
-- customer, those who used something lately are looked at.
CREATE FUNCTION billed_usage(_customer text, _at timestamptz)
RETURNS TABLE (customer text, meter text, period_start timestamptz, period_end timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT DISTINCT l.customer, m.name, l.period_start, l.period_end
    FROM (
        SELECT _customer AS id WHERE _customer IS NOT NULL
        UNION
        SELECT r.customer FROM usage_rollups AS r
        WHERE _customer IS NULL AND r.bucket > _at - interval '70 days'
        UNION
        SELECT h.customer FROM usage_homes AS h WHERE _customer IS NULL AND h.store <> 'postgres'
    ) AS c
    JOIN invoices AS i ON i.customer = c.id AND i.deleted_at IS NULL AND i.finalized_at IS NOT NULL
    JOIN invoice_line_items AS l ON l.invoice = i.id AND l.period_start < l.period_end
    JOIN prices AS p ON p.id = l.price
    JOIN billing_meters AS k ON k.id = p.recurring_meter
    JOIN usage_meters AS m ON m.stripe_event_name = k.event_name
    WHERE l.period_end <= _at
        AND NOT EXISTS (
            SELECT FROM usage_snapshots AS s
            WHERE s.customer = l.customer AND s.meter = m.name AND s.period_start = l.period_start
        )
$$;
COMMENT ON FUNCTION billed_usage IS 'The periods whose invoices are finalised and that are not closed yet.';

-- Of the usage that is kept here; returns how many periods were closed.
CREATE FUNCTION freeze_billed_usage(_customer text, _at timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    _billed record;
    _closed integer := 0;
BEGIN
    FOR _billed IN
        SELECT b.* FROM billed_usage(_customer, _at) AS b
        WHERE usage_home(b.customer) = 'postgres'
        -- Everybody takes the customers' locks in this order.
        ORDER BY b.customer, b.meter, b.period_start
    LOOP
        PERFORM freeze_usage(_billed.customer, _billed.meter, _billed.period_start, _billed.period_end, _at);
        _closed := _closed + 1;
    END LOOP;
    RETURN _closed;
END
$$;
COMMENT ON FUNCTION freeze_billed_usage IS 'Closes the periods whose invoices are finalised.';

-- ---- usage whose events are kept in ClickHouse --------------------------------------------------------------

-- What has to be known before events are kept elsewhere; the customer is locked until the transaction's end.
-- Periods that are billed get a snapshot, to be filled by settle_usage in the same transaction.
CREATE FUNCTION hold_usage(_recorded_at timestamptz, _records boolean) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    _customer text := current_setting('billing.customer', true);
    _learned timestamptz[] := '{}';
    _billed jsonb := '[]';
BEGIN
    IF coalesce(_customer, '') = '' THEN
        RAISE EXCEPTION 'usage is recorded for a customer' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM lock_usage(_customer);
    INSERT INTO usage_homes (customer, store)
    SELECT _customer, 'clickhouse'
    WHERE NOT EXISTS (SELECT FROM usage_event_keys AS k WHERE k.customer = _customer)
    ON CONFLICT DO NOTHING;
    IF usage_home(_customer) <> 'clickhouse' THEN
        RAISE EXCEPTION 'the usage is kept elsewhere' USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF _records THEN
        _learned := learn_usage_boundaries(_customer);
    END IF;
    WITH closed AS (
        INSERT INTO usage_snapshots (customer, meter, period_start, period_end, used, frozen_at)
        SELECT b.customer, b.meter, b.period_start, b.period_end, 0, _recorded_at
        FROM billed_usage(_customer, _recorded_at) AS b
        WHERE _records
        ON CONFLICT DO NOTHING
        RETURNING meter, period_start, period_end
    )
    SELECT coalesce(jsonb_agg(to_jsonb(c)), '[]') INTO _billed FROM closed AS c;
    RETURN jsonb_build_object(
        'billed', _billed,
        'learned', _learned,
        'cuts', ARRAY(SELECT b.at FROM usage_boundaries AS b WHERE b.customer = _customer ORDER BY b.at),
        'closings', (
            SELECT coalesce(jsonb_agg(to_jsonb(c)), '[]') FROM usage_closings(_customer, _recorded_at) AS c
        ),
        'meters', (
            SELECT jsonb_object_agg(
                m.name,
                jsonb_build_object('aggregation', m.aggregation, 'reported', m.stripe_event_name IS NOT NULL)
            )
            FROM usage_meters AS m
        )
    );
END
$$;
COMMENT ON FUNCTION hold_usage IS 'Locks the customer of billing.customer, and tells where its usage counts.';

-- Of the hours that were touched, by meter and clock hour, the totals; and what else came of the events.
CREATE FUNCTION settle_usage(
    _meters text[], _hours timestamptz[], _told_meters text[], _told_hours timestamptz[], _totals numeric[],
    _snapshots jsonb, _findings jsonb
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    _customer text := current_setting('billing.customer', true);
BEGIN
    INSERT INTO usage_hours AS h (customer, meter, hour, total)
    SELECT _customer, t.meter, t.hour, t.total
    FROM unnest(_told_meters, _told_hours, _totals) AS t (meter, hour, total)
    ON CONFLICT (customer, meter, hour) DO UPDATE SET total = excluded.total WHERE h.total <> excluded.total;
    UPDATE usage_hours AS h SET total = 0
    FROM unnest(_meters, _hours) AS c (meter, hour)
    WHERE h.customer = _customer AND h.meter = c.meter AND h.hour >= c.hour
        AND h.hour < c.hour + interval '1 hour' AND h.total <> 0
        AND NOT EXISTS (
            SELECT FROM unnest(_told_meters, _told_hours) AS t (meter, hour)
            WHERE t.meter = h.meter AND t.hour = h.hour
        );
    UPDATE usage_snapshots AS s SET used = f.used
    FROM jsonb_to_recordset(_snapshots) AS f (meter text, period_start timestamptz, used numeric)
    WHERE s.customer = _customer AND s.meter = f.meter AND s.period_start = f.period_start
        -- Only what this very transaction made.
        AND s.xmin = pg_current_xact_id()::xid;
    INSERT INTO usage_findings (customer, meter, kind, detail)
    SELECT _customer, f.meter, f.kind, f.detail
    FROM jsonb_to_recordset(_findings) AS f (meter text, kind text, detail jsonb)
    ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION settle_usage IS 'Keeps what came of events of billing.customer that are kept elsewhere.';

-- ---- from one store to the other ---------------------------------------------------------------------------

CREATE FUNCTION choose_usage_home(_customer text, _fresh text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT coalesce(
        (SELECT h.store FROM usage_homes AS h WHERE h.customer = _customer),
        (SELECT 'postgres' FROM usage_event_keys AS k WHERE k.customer = _customer LIMIT 1),
        _fresh
    )
$$;
COMMENT ON FUNCTION choose_usage_home IS 'Which store keeps, or is to keep, the events of a customer.';

CREATE FUNCTION next_usage_customer(_after text, _to text) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    _customer text COLLATE "C" := _after;
BEGIN
    IF _to = 'postgres' THEN
        RETURN (SELECT min(h.customer) FROM usage_homes AS h WHERE h.store <> 'postgres' AND h.customer > _after);
    END IF;
    LOOP
        _customer := (SELECT min(k.customer) FROM usage_event_keys AS k WHERE k.customer > _customer);
        EXIT WHEN _customer IS NULL OR usage_home(_customer) <> _to;
    END LOOP;
    RETURN _customer;
END
$$;
COMMENT ON FUNCTION next_usage_customer IS 'The first customer after another whose events are not where they are to be.';

-- The events leave for ClickHouse, where they are already. What forgotten months added up to stays.
CREATE FUNCTION leave_usage(_customer text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM usage_events AS e WHERE e.customer = _customer;
    DELETE FROM usage_event_keys AS k WHERE k.customer = _customer;
    DELETE FROM usage_voids AS v WHERE v.customer = _customer;
    DELETE FROM usage_rollups AS r
    WHERE r.customer = _customer
        AND NOT EXISTS (SELECT FROM usage_dropped_months AS d WHERE d.month = date_trunc('month', r.bucket, 'UTC'));
    DELETE FROM usage_values AS u
    WHERE u.customer = _customer
        AND NOT EXISTS (SELECT FROM usage_dropped_months AS d WHERE d.month = date_trunc('month', u.bucket, 'UTC'));
    INSERT INTO usage_homes (customer, store) VALUES (_customer, 'clickhouse')
    ON CONFLICT (customer) DO UPDATE SET store = excluded.store, since = now();
END
$$;
COMMENT ON FUNCTION leave_usage IS 'Deletes the events of a customer, and says that ClickHouse has them.';

CREATE FUNCTION receive_usage(_customer text, _keys jsonb, _events jsonb, _voids jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO usage_event_keys (customer, source, id, digest, counted_at, moved_to)
    SELECT _customer, k.source, k.id, decode(k.digest, 'hex'), k.counted_at, k.moved_to
    FROM jsonb_to_recordset(_keys)
        AS k (source text, id text, digest text, counted_at timestamptz, moved_to timestamptz[]);
    INSERT INTO usage_events
        (customer, meter, counted_at, quantity, value, distinct_value, groups, time, recorded_at, source, id)
    SELECT _customer, e.meter, e.counted_at, e.quantity, e.value, e.distinct_value, e.groups, e.time,
        e.recorded_at, e.source, e.id
    FROM jsonb_to_recordset(_events) AS e (
        meter text, counted_at timestamptz, quantity smallint, value numeric, distinct_value text, groups text,
        time timestamptz, recorded_at timestamptz, source text, id text
    );
    INSERT INTO usage_voids (customer, source, id, voided_by, meters, recorded_at)
    SELECT _customer, v.source, v.id, v.voided_by, '{}', v.recorded_at
    FROM jsonb_to_recordset(_voids) AS v (source text, id text, voided_by text, recorded_at timestamptz);
END
$$;
COMMENT ON FUNCTION receive_usage IS 'Takes some of the events of a customer that come from ClickHouse.';

CREATE FUNCTION settle_down_usage(_customer text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE usage_voids AS v SET meters = ARRAY(
        SELECT b.meter
        FROM usage_events AS b
        JOIN usage_events AS e
            ON e.customer = b.customer AND e.meter = b.meter AND e.counted_at = b.counted_at
            AND e.source = v.source AND e.id = v.id AND e.quantity = 1
        WHERE b.customer = _customer AND b.source = v.source AND b.id = v.voided_by AND b.quantity = -1
    )
    WHERE v.customer = _customer;
    PERFORM rebuild_usage(_customer, ARRAY(
        SELECT DISTINCT date_trunc('day', e.counted_at, 'UTC') FROM usage_events AS e WHERE e.customer = _customer
    ));
    INSERT INTO usage_homes (customer, store) VALUES (_customer, 'postgres')
    ON CONFLICT (customer) DO UPDATE SET store = excluded.store, since = now();
END
$$;
COMMENT ON FUNCTION settle_down_usage IS 'Adds up what came from ClickHouse, and says that it is here.';

GRANT EXECUTE ON FUNCTION choose_usage_home TO billing_api, billing_worker;
GRANT EXECUTE ON FUNCTION next_usage_customer, leave_usage, receive_usage, settle_down_usage TO billing_worker;

-- Two months back, for events of the last 35 days, and two ahead.
CREATE FUNCTION create_usage_months(_now timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    _month timestamptz;
    _end timestamptz;
    _name text;
BEGIN
    FOR _month IN
        SELECT (date_trunc('month', _now AT TIME ZONE 'UTC') + make_interval(months => m.step)) AT TIME ZONE 'UTC'
        FROM generate_series(-2, 2) AS m (step)
    LOOP
        _name := 'usage_events_' || to_char(_month AT TIME ZONE 'UTC', 'YYYY_MM');
        IF to_regclass(_name) IS NULL THEN
            _end := (_month AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC';
            -- What came before its month was made is in the default partition, which may not keep it then.
            EXECUTE format('CREATE TABLE %I (LIKE usage_events INCLUDING ALL)', _name);
            EXECUTE format(
                'WITH early AS ('
                'DELETE FROM usage_events_default WHERE counted_at >= %L AND counted_at < %L RETURNING *'
                ') INSERT INTO %I SELECT * FROM early',
                _month, _end, _name
            );
            EXECUTE format(
                'ALTER TABLE usage_events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', _name, _month, _end
            );
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION create_usage_months IS 'Makes the partitions of usage_events around an instant.';

-- The events of whole months before an instant go; what they added up to, and their ids, stay.
CREATE FUNCTION drop_usage_months(_before timestamptz) RETURNS text[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    _name text;
    _dropped text[] := '{}';
BEGIN
    FOR _name IN
        SELECT c.relname
        FROM pg_inherits AS i
        JOIN pg_class AS c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'usage_events'::regclass AND c.relname ~ '^usage_events_[0-9]{4}_[0-9]{2}$'
            AND (to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month') AT TIME ZONE 'UTC' <= _before
        ORDER BY 1
    LOOP
        EXECUTE format('DROP TABLE %I', _name);
        INSERT INTO usage_dropped_months (month)
        VALUES (to_date(right(_name, 7), 'YYYY_MM')::timestamp AT TIME ZONE 'UTC')
        ON CONFLICT DO NOTHING;
        _dropped := _dropped || _name;
    END LOOP;
    RETURN _dropped;
END
$$;
COMMENT ON FUNCTION drop_usage_months IS 'Forgets the events of months that ended before an instant; returns their tables.';

GRANT EXECUTE ON FUNCTION usage_in TO billing_api, billing_worker;
GRANT EXECUTE ON FUNCTION record_usage, hold_usage, settle_usage, usage_home TO billing_api, billing_worker;
GRANT EXECUTE ON FUNCTION
    usage_parts, usage_value_parts, usage_pieces, usage_value_pieces, usage_steps, usage_value_steps, usage_between,
    usage_cut_from, usage_cut_before, usage_last_value
    TO billing_api, billing_worker;
GRANT EXECUTE ON FUNCTION
    lock_usage, freeze_usage, billed_usage, freeze_billed_usage, create_usage_months, drop_usage_months, usage_bucket
    TO billing_worker;
GRANT EXECUTE ON FUNCTION usage_last, usage_bucket TO billing_api, billing_worker;
