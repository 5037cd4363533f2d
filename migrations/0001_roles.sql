-- Who may do what: the owner (whoever runs this) migrates; the functions log in as one of two roles that
-- own nothing. They get LOGIN and a password from the migrator, never from a file.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'billing_api') THEN
        CREATE ROLE billing_api NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'billing_worker') THEN
        CREATE ROLE billing_worker NOLOGIN;
    END IF;
END
$$;

-- Limits hang on the role, not on the session, because a pooler between the two hands sessions around.
-- They stay below the functions' own timeouts, so that the caller gets an answer.
ALTER ROLE billing_api SET statement_timeout = '5s';
ALTER ROLE billing_api SET idle_in_transaction_session_timeout = '10s';
ALTER ROLE billing_api SET timezone = 'UTC';
ALTER ROLE billing_worker SET statement_timeout = '10s';
ALTER ROLE billing_worker SET lock_timeout = '5s';
ALTER ROLE billing_worker SET idle_in_transaction_session_timeout = '15s';
ALTER ROLE billing_worker SET timezone = 'UTC';

DO $$
BEGIN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO billing_api, billing_worker', current_database());
END
$$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO billing_api, billing_worker;
-- PostgreSQL lets everybody execute a new function unless told otherwise.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
