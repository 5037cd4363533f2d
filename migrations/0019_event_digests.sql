-- The inbox keeps a digest of what each event said, so that another event under a known id is told from a copy for
-- ever, and keeps that it came. What ended before has none: of that only type, object and second are compared.

ALTER TABLE stripe_webhook_events
    ADD COLUMN digest bytea,
    ADD CONSTRAINT stripe_webhook_events_digest_check CHECK (octet_length(digest) = 16);
COMMENT ON COLUMN stripe_webhook_events.digest IS
    'Of what all copies of the event in its API version have in common; NULL where nothing is known to compare.';

CREATE TABLE stripe_conflicting_events (
    id text COLLATE "C" NOT NULL,
    digest bytea NOT NULL,
    type text NOT NULL,
    api_version text,
    created timestamptz,
    object_id text COLLATE "C",
    reason text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT stripe_conflicting_events_pkey PRIMARY KEY (id, digest),
    CONSTRAINT stripe_conflicting_events_digest_check CHECK (octet_length(digest) IN (0, 16))
);
COMMENT ON TABLE stripe_conflicting_events IS
    'Events that came under the id of another one that had ended, and how they differ; nothing of them was applied.';

ALTER TABLE stripe_conflicting_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE stripe_conflicting_events FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_operates ON stripe_conflicting_events TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY worker_reads ON stripe_conflicting_events FOR SELECT TO billing_worker USING (true);
CREATE POLICY worker_records ON stripe_conflicting_events FOR INSERT TO billing_worker WITH CHECK (true);
-- What is recorded stays as it is.
GRANT SELECT, INSERT ON stripe_conflicting_events TO billing_worker;

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
        id, type, api_version, livemode, created, object_id, digest, outcome, received_at, ended_at, attempts
    )
    SELECT told.id, told.type, told.api_version, told.livemode, told.created, told.object_id, told.digest,
        CASE ending WHEN 'unchanged' THEN 'applied' ELSE ending END,
        coalesce(told.received_at, now()), now(), coalesce(told.attempts, 1)
    FROM jsonb_populate_record(NULL::stripe_webhook_events, event) AS told
    ON CONFLICT (id) DO UPDATE SET
        type = excluded.type, api_version = excluded.api_version, livemode = excluded.livemode,
        created = excluded.created, object_id = excluded.object_id, digest = excluded.digest,
        outcome = excluded.outcome, reason = NULL, ended_at = excluded.ended_at,
        attempts = greatest(known.attempts, excluded.attempts), payload = NULL
    WHERE known.outcome IN ('failed', 'quarantined');
    RETURN CASE WHEN FOUND THEN ending ELSE 'duplicate' END;
END
$$;
