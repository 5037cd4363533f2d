DROP FUNCTION settle_down_usage(text);
DROP FUNCTION receive_usage(text, jsonb, jsonb, jsonb);
DROP FUNCTION leave_usage(text);
DROP FUNCTION next_usage_customer(text, text);
DROP FUNCTION choose_usage_home(text, text);
DROP FUNCTION settle_usage(text[], timestamptz[], text[], timestamptz[], numeric[], jsonb, jsonb);
DROP FUNCTION hold_usage(timestamptz, boolean);
