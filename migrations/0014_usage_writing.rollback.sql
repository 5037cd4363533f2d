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
