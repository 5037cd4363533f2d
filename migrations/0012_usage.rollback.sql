DROP FUNCTION drop_usage_months(timestamptz);
DROP FUNCTION create_usage_months(timestamptz);
DROP FUNCTION settle_down_usage(text);
DROP FUNCTION receive_usage(text, jsonb, jsonb, jsonb);
DROP FUNCTION leave_usage(text);
DROP FUNCTION next_usage_customer(text, text);
DROP FUNCTION choose_usage_home(text, text);
DROP FUNCTION settle_usage(text[], timestamptz[], text[], timestamptz[], numeric[], jsonb, jsonb);
DROP FUNCTION hold_usage(timestamptz, boolean);
DROP FUNCTION freeze_billed_usage(text, timestamptz);
DROP FUNCTION billed_usage(text, timestamptz);
DROP FUNCTION freeze_usage(text, text, timestamptz, timestamptz, timestamptz);
DROP FUNCTION record_usage(
    timestamptz, text[], text[], bytea[], timestamptz[], text[], integer[], text[], numeric[], text[], text[]
);
DROP FUNCTION lock_usage(text);
DROP FUNCTION learn_usage_boundaries(text);
DROP FUNCTION usage_home(text);
DROP FUNCTION store_usage_of(
    integer[], text, timestamptz, text[], text[], bytea[], timestamptz[], integer[], text[], numeric[], text[], text[]
);
DROP FUNCTION void_usage(text, timestamptz, text, text, text, bytea);
DROP FUNCTION store_usage(
    text, timestamptz, text[], text[], bytea[], timestamptz[], integer[], text[], numeric[], text[], text[]
);
DROP FUNCTION rebuild_usage(text, timestamptz[]);
DROP FUNCTION usage_closings(text, timestamptz);
DROP FUNCTION usage_in(text, text[], timestamptz[], timestamptz[]);
DROP FUNCTION usage_between(text, text, text, timestamptz, timestamptz);
DROP FUNCTION usage_value_steps(text, text, timestamptz, timestamptz, text);
DROP FUNCTION usage_steps(text, text, timestamptz, timestamptz, text);
DROP FUNCTION usage_value_pieces(text, text, timestamptz, timestamptz);
DROP FUNCTION usage_pieces(text, text, timestamptz, timestamptz);
DROP FUNCTION usage_value_parts(text, text, timestamptz, timestamptz);
DROP FUNCTION usage_parts(text, text, timestamptz, timestamptz);
DROP FUNCTION usage_cut_before(text, timestamptz);
DROP FUNCTION usage_cut_from(text, timestamptz);
DROP FUNCTION usage_items(text);
DROP FUNCTION usage_last_value(text);
DROP FUNCTION usage_last(timestamptz, text, text, numeric);
DROP FUNCTION usage_bucket(timestamptz, text, timestamptz[]);
DROP TABLE events;
DROP TABLE usage_alerts;
DROP TABLE usage_threshold_choices;
DROP TABLE usage_thresholds;
DROP TABLE usage_findings;
DROP TABLE usage_policies;
DROP TABLE usage_snapshots;
DROP TABLE usage_hours;
DROP TABLE usage_values;
DROP TABLE usage_rollups;
DROP TABLE usage_boundaries;
DROP TABLE usage_homes;
DROP TABLE usage_voids;
DROP TABLE usage_dropped_months;
DROP TABLE usage_events;
DROP TABLE usage_event_keys;
DROP TABLE usage_meters;
