-- The older version knows no events that failed or that lack what every event has: they come again or are lost to it.
DELETE FROM stripe_webhook_events WHERE outcome = 'failed' OR num_nulls(livemode, created) > 0;
REVOKE UPDATE ON stripe_webhook_events FROM billing_worker;
DROP POLICY worker_ends ON stripe_webhook_events;
DROP POLICY worker_records ON stripe_webhook_events;
DROP POLICY worker_reads ON stripe_webhook_events;
CREATE POLICY worker_records ON stripe_webhook_events TO billing_worker USING (true) WITH CHECK (true);
DROP INDEX stripe_webhook_events_failed_idx;
ALTER TABLE stripe_webhook_events
    DROP CONSTRAINT stripe_webhook_events_attempts_check,
    DROP CONSTRAINT stripe_webhook_events_payload_check,
    DROP CONSTRAINT stripe_webhook_events_whole_check,
    DROP CONSTRAINT stripe_webhook_events_ended_check,
    DROP CONSTRAINT stripe_webhook_events_reason_check,
    DROP CONSTRAINT stripe_webhook_events_outcome_check,
    ADD CONSTRAINT stripe_webhook_events_outcome_check
        CHECK (outcome IN ('applied', 'stale', 'ignored', 'quarantined')),
    ADD CONSTRAINT stripe_webhook_events_reason_check CHECK (outcome <> 'quarantined' OR reason IS NOT NULL),
    ALTER COLUMN created SET NOT NULL,
    ALTER COLUMN livemode SET NOT NULL,
    DROP COLUMN payload,
    DROP COLUMN attempts,
    DROP COLUMN ended_at;

CREATE OR REPLACE FUNCTION record_event(event jsonb, verdict text, is_same boolean) RETURNS text LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    ending text := CASE WHEN verdict = 'tie' AND is_same THEN 'unchanged' ELSE verdict END;
BEGIN
    IF event IS NULL THEN
        RETURN ending;
    ELSIF ending IN ('tie', 'moved') THEN
        PERFORM FROM stripe_webhook_events WHERE id = event ->> 'id';
        RETURN CASE WHEN FOUND THEN 'duplicate' ELSE ending END;
    END IF;
    -- Waits for a transaction that is recording the same event, so that no event counts twice.
    INSERT INTO stripe_webhook_events (id, type, api_version, livemode, created, object_id, outcome)
    SELECT told.id, told.type, told.api_version, told.livemode, told.created, told.object_id,
        CASE ending WHEN 'unchanged' THEN 'applied' ELSE ending END
    FROM jsonb_populate_record(NULL::stripe_webhook_events, event) AS told
    ON CONFLICT (id) DO NOTHING;
    RETURN CASE WHEN FOUND THEN ending ELSE 'duplicate' END;
END
$$;
