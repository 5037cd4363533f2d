DROP TABLE stripe_backfills;
DROP TABLE stripe_swept_events;
DROP TABLE stripe_sweeps;
