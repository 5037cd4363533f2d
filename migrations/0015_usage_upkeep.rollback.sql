DROP FUNCTION drop_usage_months(timestamptz);
DROP FUNCTION create_usage_months(timestamptz);
DROP FUNCTION freeze_billed_usage(text, timestamptz);
DROP FUNCTION billed_usage(text, timestamptz);
DROP FUNCTION freeze_usage(text, text, timestamptz, timestamptz, timestamptz);
