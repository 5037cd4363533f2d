-- How the mirror catches up with Stripe: sweeps over its list of events, backfills from its lists of objects.
-- Each keeps its place after every page, so that a run that is cut goes on there.

CREATE TABLE stripe_sweeps (
    number bigint GENERATED ALWAYS AS IDENTITY,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,
    gap boolean NOT NULL,
    types text[] NOT NULL,
    part integer NOT NULL DEFAULT 0,
    after text COLLATE "C",
    pages integer NOT NULL DEFAULT 0,
    listed integer NOT NULL DEFAULT 0,
    missing integer NOT NULL DEFAULT 0,
    queued integer NOT NULL DEFAULT 0,
    error text,
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    CONSTRAINT stripe_sweeps_pkey PRIMARY KEY (number),
    CONSTRAINT stripe_sweeps_window_check CHECK (since <= until),
    CONSTRAINT stripe_sweeps_counts_check CHECK (queued <= missing AND missing <= listed)
);
COMMENT ON TABLE stripe_sweeps IS
    'Each look at every event between two instants; gap: Stripe no longer lists what was before.';
-- Two runs at once work on one sweep.
CREATE UNIQUE INDEX stripe_sweeps_open_idx ON stripe_sweeps ((finished_at IS NULL)) WHERE finished_at IS NULL;

-- An event that waits in the queue is not in the inbox yet: it must not be queued again by every sweep.
CREATE TABLE stripe_swept_events (
    id text COLLATE "C" NOT NULL,
    sweep bigint NOT NULL,
    queued_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT stripe_swept_events_pkey PRIMARY KEY (id)
);
COMMENT ON TABLE stripe_swept_events IS 'The events that a sweep found missing and put on the queue, for 30 days.';
CREATE INDEX stripe_swept_events_queued_at_idx ON stripe_swept_events (queued_at);

CREATE TABLE stripe_backfills (
    run bigint NOT NULL,
    kind text NOT NULL,
    place integer NOT NULL,
    began timestamptz,
    after text COLLATE "C",
    oldest timestamptz,
    pages integer NOT NULL DEFAULT 0,
    objects integer NOT NULL DEFAULT 0,
    written integer NOT NULL DEFAULT 0,
    fetched integer NOT NULL DEFAULT 0,
    unreadable integer NOT NULL DEFAULT 0,
    listed boolean NOT NULL DEFAULT false,
    checked_after text COLLATE "C",
    checked integer NOT NULL DEFAULT 0,
    deleted integer NOT NULL DEFAULT 0,
    stopped text,
    finished boolean NOT NULL DEFAULT false,
    steps integer NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT stripe_backfills_pkey PRIMARY KEY (run, kind)
);
COMMENT ON TABLE stripe_backfills IS 'How far each backfill came, by the kind of object.';

ALTER TABLE stripe_sweeps ENABLE ROW LEVEL SECURITY;
ALTER TABLE stripe_sweeps FORCE ROW LEVEL SECURITY;
ALTER TABLE stripe_swept_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE stripe_swept_events FORCE ROW LEVEL SECURITY;
ALTER TABLE stripe_backfills ENABLE ROW LEVEL SECURITY;
ALTER TABLE stripe_backfills FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_operates ON stripe_sweeps TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY owner_operates ON stripe_swept_events TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY owner_operates ON stripe_backfills TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY worker_sweeps ON stripe_sweeps TO billing_worker USING (true) WITH CHECK (true);
CREATE POLICY worker_sweeps ON stripe_swept_events TO billing_worker USING (true) WITH CHECK (true);
CREATE POLICY worker_backfills ON stripe_backfills TO billing_worker USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON stripe_sweeps, stripe_backfills TO billing_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON stripe_swept_events TO billing_worker;
