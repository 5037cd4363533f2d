-- Every Stripe event that was dealt with, once. An applied event is in here in the same transaction as its
-- effect, so a second delivery finds it. Payloads are not kept: Stripe has them for 30 days.

CREATE TABLE stripe_webhook_events (
    id text COLLATE "C" NOT NULL,
    type text NOT NULL,
    api_version text,
    livemode boolean NOT NULL,
    created timestamptz NOT NULL,
    object_id text COLLATE "C",
    outcome text NOT NULL,
    reason text,
    received_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT stripe_webhook_events_pkey PRIMARY KEY (id),
    CONSTRAINT stripe_webhook_events_id_check CHECK (id <> ''),
    CONSTRAINT stripe_webhook_events_outcome_check
        CHECK (outcome IN ('applied', 'stale', 'ignored', 'quarantined')),
    CONSTRAINT stripe_webhook_events_reason_check CHECK (outcome <> 'quarantined' OR reason IS NOT NULL)
);
COMMENT ON TABLE stripe_webhook_events IS 'The inbox: how each Stripe event ended, and why where it was quarantined.';
CREATE INDEX stripe_webhook_events_object_id_idx ON stripe_webhook_events (object_id);
CREATE INDEX stripe_webhook_events_quarantined_idx ON stripe_webhook_events (received_at)
    WHERE outcome = 'quarantined';

ALTER TABLE stripe_webhook_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE stripe_webhook_events FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_operates ON stripe_webhook_events TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY worker_records ON stripe_webhook_events TO billing_worker USING (true) WITH CHECK (true);

-- What is recorded stays as it is.
GRANT SELECT, INSERT ON stripe_webhook_events TO billing_worker;
