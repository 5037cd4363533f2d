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
