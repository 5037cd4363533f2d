DROP FUNCTION read_usage(text, text[], timestamptz[], timestamptz[]);
