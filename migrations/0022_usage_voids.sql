-- A request may void a thousand events or replace them. One by one that took 2 ms of the server each.

-- The places of the events that void others, in order and in runs. Within a run none hangs on another: no two have
-- an id or a voided id in common, and none voids another.
CREATE FUNCTION usage_void_runs(_sources text[], _ids text[], _voids text[]) RETURNS SETOF integer[]
LANGUAGE plpgsql IMMUTABLE SET search_path = public, pg_temp AS $$
DECLARE
    _run integer[] := '{}';
    _place integer;
    _after integer;
BEGIN
    FOR _place, _after IN
        SELECT named.place, max(named.after)
        FROM (
            SELECT s.place, lag(s.place) OVER (PARTITION BY s.source, n.name ORDER BY s.place) AS after
            FROM unnest(_sources, _ids, _voids) WITH ORDINALITY AS s (source, id, voids, place)
            CROSS JOIN LATERAL (VALUES (s.id), (s.voids)) AS n (name)
            WHERE s.voids <> ''
        ) AS named
        GROUP BY named.place
        ORDER BY named.place
    LOOP
        IF _after >= _run[1] THEN
            RETURN NEXT _run;
            _run := '{}';
        END IF;
        _run := _run || _place;
    END LOOP;
    IF cardinality(_run) > 0 THEN
        RETURN NEXT _run;
    END IF;
END
$$;

-- Takes the events of one run back: each in its own period while that is open, else by the policy for late usage.
-- The days that it returns are to be rebuilt, once for all events of a request. An event that has readings, `_of`
-- being their places, stands in the other's place and is yet to be stored.
CREATE FUNCTION void_usage_events(
    _customer text, _recorded_at timestamptz, _run integer[], _sources text[], _ids text[], _voids text[],
    _digests bytea[], _of integer[], OUT outcomes text[], OUT days timestamptz[]
)
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    WITH sent AS (
        SELECT s.*, k.digest AS known
        FROM unnest(_sources, _ids, _voids, _digests) WITH ORDINALITY AS s (source, id, voids, digest, place)
        LEFT JOIN usage_event_keys AS k ON k.customer = _customer AND k.source = s.source AND k.id = s.id
        WHERE s.place = ANY (_run)
    ), there AS (
        -- What only took another back, or is forgotten, is nothing that can be voided.
        SELECT s.place, s.source, s.id, s.voids, s.digest, k.counted_at AS told_at, e.meter, e.counted_at, e.quantity,
            e.value, e.distinct_value, e.groups, e.time
        FROM sent AS s
        JOIN usage_event_keys AS k ON k.customer = _customer AND k.source = s.source AND k.id = s.voids
        CROSS JOIN LATERAL (SELECT DISTINCT p.at FROM unnest(k.moved_to || k.counted_at) AS p (at)) AS p
        JOIN usage_events AS e
            ON e.customer = _customer AND e.counted_at = p.at AND e.source = s.source AND e.id = s.voids
            AND e.quantity >= 0
        WHERE s.known IS NULL
    ), closings AS MATERIALIZED (
        SELECT c.* FROM usage_closings(_customer, _recorded_at) AS c
    ), taken AS (
        SELECT t.*, c.meter IS NOT NULL AS closed,
            CASE WHEN c.meter IS NULL THEN t.counted_at ELSE c.place END AS back_at
        FROM there AS t
        LEFT JOIN closings AS c ON c.meter = t.meter AND t.counted_at < c.closed_until
    ), voided AS (
        INSERT INTO usage_voids (customer, source, id, voided_by, meters, recorded_at)
        SELECT _customer, t.source, t.voids, t.id,
            coalesce(array_agg(t.meter) FILTER (WHERE t.quantity = 1 AND NOT t.closed), '{}'), _recorded_at
        FROM taken AS t
        GROUP BY t.source, t.voids, t.id
        ON CONFLICT DO NOTHING
        RETURNING source, id
    ), accepted AS (
        SELECT t.* FROM taken AS t JOIN voided AS v ON v.source = t.source AND v.id = t.voids
    ), keys AS (
        INSERT INTO usage_event_keys (customer, source, id, digest, counted_at)
        SELECT DISTINCT _customer, a.source, a.id, a.digest, a.told_at
        FROM accepted AS a
        WHERE a.place <> ALL (_of)
    ), back AS (
        INSERT INTO usage_events
            (customer, meter, counted_at, quantity, value, distinct_value, groups, time, recorded_at, source, id)
        SELECT _customer, a.meter, a.back_at, -1, a.value, a.distinct_value, a.groups, a.time, _recorded_at,
            a.source, a.id
        FROM accepted AS a
        WHERE a.quantity = 1 AND a.back_at IS NOT NULL
        RETURNING counted_at
    ), found AS (
        INSERT INTO usage_findings (customer, meter, kind, detail)
        SELECT _customer, a.meter, 'void_after_close',
            jsonb_build_object(
                'source', a.source, 'id', a.id, 'voids', a.voids, 'time', a.time, 'value', a.value::text,
                'distinct', a.distinct_value
            )
        FROM accepted AS a
        JOIN usage_meters AS m ON m.name = a.meter
        WHERE a.quantity = 1 AND a.closed AND (a.back_at IS NULL OR m.aggregation NOT IN ('sum', 'count'))
    )
    SELECT (
        SELECT array_agg(
            CASE
                WHEN s.known = s.digest THEN 'duplicate'
                WHEN s.known IS NOT NULL THEN 'conflict'
                WHEN s.place IN (SELECT a.place FROM accepted AS a) THEN 'accepted'
                WHEN s.place IN (SELECT t.place FROM there AS t) THEN 'already_voided'
                ELSE 'unknown_event'
            END
            ORDER BY s.place
        )
        FROM sent AS s
    ), (
        -- The compensating row may count on another day than the event.
        SELECT array_agg(DISTINCT date_trunc('day', b.counted_at, 'UTC')) FROM back AS b
    )
    INTO outcomes, days;
END
$$;
COMMENT ON FUNCTION void_usage_events IS 'Takes events back by other rows.';

-- As before, but for what voids others.
CREATE OR REPLACE FUNCTION record_usage(
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
    _stored text[];
    _run integer[];
    _places integer[];
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
    FOR _run IN SELECT usage_void_runs(_sources, _ids, _voids) LOOP
        SELECT v.outcomes, v.days INTO _stored, _days
        FROM void_usage_events(_customer, _recorded_at, _run, _sources, _ids, _voids, _digests, _of) AS v;
        FOR _place IN 1 .. cardinality(_run) LOOP
            _outcomes[_run[_place]] := _stored[_place];
        END LOOP;
        _rebuilt := _rebuilt || _days;
        -- What stands in the place of the voided events.
        _places := ARRAY(
            SELECT r.place FROM unnest(_run, _stored) AS r (place, outcome)
            WHERE r.outcome = 'accepted' AND r.place = ANY (_of)
        );
        IF cardinality(_places) > 0 THEN
            PERFORM store_usage_of(
                _places, _customer, _recorded_at, _sources, _ids, _digests, _times, _of, _meters, _values,
                _distincts, _groups
            );
        END IF;
    END LOOP;
    PERFORM rebuild_usage(_customer, ARRAY(SELECT DISTINCT d.day FROM unnest(_rebuilt) AS d (day)));
    RETURN _outcomes;
END
$$;

DROP FUNCTION void_usage(text, timestamptz, text, text, text, bytea);
