-- Usage whose events are kept in ClickHouse, and what moves a customer's from one store to the other.
-- docs/decisions/0014 says what stays here.

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

GRANT EXECUTE ON FUNCTION hold_usage, settle_usage TO billing_api, billing_worker;
