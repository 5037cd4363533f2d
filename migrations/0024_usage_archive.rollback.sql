DROP FUNCTION usage_forgotten_before(timestamptz, integer);
ALTER TABLE usage_homes DROP COLUMN forgotten_until, DROP COLUMN forgotten_at;
