-- Reading usage takes one message to the server instead of four: BEGIN, the tenant, the question, COMMIT.

-- STABLE, so that all of it is read on the snapshot of the statement that calls it. With the rights of the caller,
-- so that row security holds for whatever it reads; its tenant goes with the transaction, which is that statement.
CREATE FUNCTION read_usage(_customer text, _meters text[], _starts timestamptz[], _ends timestamptz[]) RETURNS json
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM set_config('billing.customer', _customer, true);
    RETURN (
        SELECT coalesce(json_object_agg(u.meter, u.used::text), '{}')
        FROM usage_in(_customer, _meters, _starts, _ends) AS u
    );
END
$$;
COMMENT ON FUNCTION read_usage IS 'usage_in as the customer, for a statement that is a transaction of its own.';

GRANT EXECUTE ON FUNCTION read_usage TO billing_api, billing_worker;
