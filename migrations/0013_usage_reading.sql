-- How usage is cut into buckets and added up, and what prices it. docs/decisions/0013 says why it is cut this way.

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

GRANT EXECUTE ON FUNCTION
    usage_parts, usage_value_parts, usage_pieces, usage_value_pieces, usage_steps, usage_value_steps, usage_between,
    usage_in, usage_cut_from, usage_cut_before, usage_last, usage_last_value, usage_bucket
    TO billing_api, billing_worker;
