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

DROP FUNCTION void_usage_events(
    text, timestamptz, integer[], text[], text[], text[], bytea[], integer[]
);
DROP FUNCTION usage_void_runs(text[], text[], text[]);
