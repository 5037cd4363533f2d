-- How usage is written: one function a request, under the customer's lock.

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

GRANT EXECUTE ON FUNCTION record_usage, usage_home TO billing_api, billing_worker;
GRANT EXECUTE ON FUNCTION lock_usage TO billing_worker;
