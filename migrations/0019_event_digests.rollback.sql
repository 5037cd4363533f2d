-- The older version tells another event from a copy by type and object only.
CREATE OR REPLACE FUNCTION record_event(event jsonb, verdict text, is_same boolean) RETURNS text LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    ending text := CASE WHEN verdict = 'tie' AND is_same THEN 'unchanged' ELSE verdict END;
BEGIN
    IF event IS NULL THEN
        RETURN ending;
    ELSIF ending IN ('tie', 'moved') THEN
        PERFORM FROM stripe_webhook_events
        WHERE id = event ->> 'id' AND outcome NOT IN ('failed', 'quarantined');
        RETURN CASE WHEN FOUND THEN 'duplicate' ELSE ending END;
    END IF;
    -- Waits for a transaction that is recording the same event, so that no event counts twice.
    INSERT INTO stripe_webhook_events AS known (
        id, type, api_version, livemode, created, object_id, outcome, received_at, ended_at, attempts
    )
    SELECT told.id, told.type, told.api_version, told.livemode, told.created, told.object_id,
        CASE ending WHEN 'unchanged' THEN 'applied' ELSE ending END,
        coalesce(told.received_at, now()), now(), coalesce(told.attempts, 1)
    FROM jsonb_populate_record(NULL::stripe_webhook_events, event) AS told
    ON CONFLICT (id) DO UPDATE SET
        type = excluded.type, api_version = excluded.api_version, livemode = excluded.livemode,
        created = excluded.created, object_id = excluded.object_id, outcome = excluded.outcome, reason = NULL,
        ended_at = excluded.ended_at, attempts = greatest(known.attempts, excluded.attempts), payload = NULL
    WHERE known.outcome IN ('failed', 'quarantined');
    RETURN CASE WHEN FOUND THEN ending ELSE 'duplicate' END;
END
$$;

DROP TABLE stripe_conflicting_events;
ALTER TABLE stripe_webhook_events DROP CONSTRAINT stripe_webhook_events_digest_check, DROP COLUMN digest;
