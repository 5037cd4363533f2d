-- What closes periods, and what makes and forgets the months of events.

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

GRANT EXECUTE ON FUNCTION
    freeze_usage, billed_usage, freeze_billed_usage, create_usage_months, drop_usage_months TO billing_worker;
