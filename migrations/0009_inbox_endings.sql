-- The inbox tells of every event when it was received, how it ended and when, after how many tries; of one that
-- failed, with which error, until a later try ends it; of one that is quarantined, the event itself, so that it
-- can be judged again by a version that can read it, also when Stripe has it no more.

ALTER TABLE stripe_webhook_events
    ADD COLUMN ended_at timestamptz,
    ADD COLUMN attempts integer NOT NULL DEFAULT 1,
    ADD COLUMN payload text,
    -- An event may lack even these, and is quarantined then.
    ALTER COLUMN livemode DROP NOT NULL,
    ALTER COLUMN created DROP NOT NULL;
UPDATE stripe_webhook_events SET ended_at = received_at;
-- For functions of the version before, which go on recording until the deploy is through.
ALTER TABLE stripe_webhook_events ALTER COLUMN ended_at SET DEFAULT now();
ALTER TABLE stripe_webhook_events
    DROP CONSTRAINT stripe_webhook_events_outcome_check,
    DROP CONSTRAINT stripe_webhook_events_reason_check,
    ADD CONSTRAINT stripe_webhook_events_outcome_check
        CHECK (outcome IN ('applied', 'stale', 'ignored', 'quarantined', 'failed')),
    ADD CONSTRAINT stripe_webhook_events_reason_check
        CHECK (outcome NOT IN ('quarantined', 'failed') OR reason IS NOT NULL),
    ADD CONSTRAINT stripe_webhook_events_ended_check CHECK ((ended_at IS NULL) = (outcome = 'failed')),
    ADD CONSTRAINT stripe_webhook_events_whole_check
        CHECK (outcome = 'quarantined' OR num_nulls(livemode, created) = 0),
    ADD CONSTRAINT stripe_webhook_events_payload_check CHECK (payload IS NULL OR outcome = 'quarantined'),
    ADD CONSTRAINT stripe_webhook_events_attempts_check CHECK (attempts > 0);
CREATE INDEX stripe_webhook_events_failed_idx ON stripe_webhook_events (received_at) WHERE outcome = 'failed';

-- What has ended stays as it is. What failed or could not be read may end after all.
DROP POLICY worker_records ON stripe_webhook_events;
CREATE POLICY worker_reads ON stripe_webhook_events FOR SELECT TO billing_worker USING (true);
CREATE POLICY worker_records ON stripe_webhook_events FOR INSERT TO billing_worker WITH CHECK (true);
CREATE POLICY worker_ends ON stripe_webhook_events FOR UPDATE TO billing_worker
    USING (outcome IN ('failed', 'quarantined')) WITH CHECK (true);
GRANT UPDATE ON stripe_webhook_events TO billing_worker;

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
