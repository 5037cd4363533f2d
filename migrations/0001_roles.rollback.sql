ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC;
REVOKE USAGE ON SCHEMA public FROM billing_api, billing_worker;
GRANT USAGE ON SCHEMA public TO PUBLIC;

DO $$
BEGIN
    EXECUTE format('REVOKE CONNECT ON DATABASE %I FROM billing_api, billing_worker', current_database());
    EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO PUBLIC', current_database());
END
$$;

-- A role belongs to the whole server: where another database still grants it something, it stays.
DO $$
BEGIN
    DROP ROLE billing_api;
EXCEPTION WHEN dependent_objects_still_exist THEN
    RAISE NOTICE 'billing_api is used by another database and stays';
END
$$;
DO $$
BEGIN
    DROP ROLE billing_worker;
EXCEPTION WHEN dependent_objects_still_exist THEN
    RAISE NOTICE 'billing_worker is used by another database and stays';
END
$$;
