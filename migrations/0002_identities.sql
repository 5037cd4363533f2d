-- Who may sign in. The functions never read these tables: they ask two questions, and get one row or none.

CREATE TABLE users (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    issuer text NOT NULL,
    subject text NOT NULL,
    role text NOT NULL,
    stripe_customer_id text COLLATE "C",
    locale text NOT NULL DEFAULT 'en',
    timezone text NOT NULL DEFAULT 'UTC',
    disabled_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT users_issuer_subject_key UNIQUE (issuer, subject),
    CONSTRAINT users_role_check CHECK (role IN ('customer', 'admin')),
    CONSTRAINT users_customer_check CHECK ((role = 'customer') = (stripe_customer_id IS NOT NULL)),
    CONSTRAINT users_not_empty_check CHECK (issuer <> '' AND subject <> '' AND stripe_customer_id <> '')
);
COMMENT ON TABLE users IS 'People who sign in by OIDC; a customer sees the billing of one Stripe customer, an admin has none.';
CREATE INDEX users_stripe_customer_id_idx ON users (stripe_customer_id);

CREATE TABLE api_keys (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL,
    digest bytea NOT NULL,
    prefix text NOT NULL,
    last4 text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz,
    CONSTRAINT api_keys_pkey PRIMARY KEY (id),
    CONSTRAINT api_keys_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT api_keys_digest_key UNIQUE (digest),
    CONSTRAINT api_keys_digest_check CHECK (octet_length(digest) = 32),
    CONSTRAINT api_keys_shown_check CHECK (length(prefix) <= 12 AND length(last4) = 4)
);
COMMENT ON TABLE api_keys IS 'API keys by their SHA-256; prefix and last4 are all of a key that is ever shown again.';
CREATE INDEX api_keys_user_id_idx ON api_keys (user_id);

ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE users FORCE ROW LEVEL SECURITY;
ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_operates ON users TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY owner_operates ON api_keys TO CURRENT_USER USING (true) WITH CHECK (true);

CREATE FUNCTION authenticate_api_key(key_digest bytea)
RETURNS TABLE (user_id uuid, role text, customer text, locale text, timezone text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
BEGIN ATOMIC
    SELECT u.id, u.role, u.stripe_customer_id, u.locale, u.timezone
    FROM public.api_keys AS k
    JOIN public.users AS u ON u.id = k.user_id
    WHERE k.digest = key_digest AND k.revoked_at IS NULL AND u.disabled_at IS NULL;
END;
COMMENT ON FUNCTION authenticate_api_key(bytea) IS 'The enabled owner of the unrevoked key with this SHA-256.';

CREATE FUNCTION authenticate_subject(token_issuer text, token_subject text)
RETURNS TABLE (user_id uuid, role text, customer text, locale text, timezone text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
BEGIN ATOMIC
    SELECT u.id, u.role, u.stripe_customer_id, u.locale, u.timezone
    FROM public.users AS u
    WHERE u.issuer = token_issuer AND u.subject = token_subject AND u.disabled_at IS NULL;
END;
COMMENT ON FUNCTION authenticate_subject(text, text) IS 'The enabled user who is this subject at this issuer.';

GRANT EXECUTE ON FUNCTION authenticate_api_key(bytea) TO billing_api;
GRANT EXECUTE ON FUNCTION authenticate_subject(text, text) TO billing_api;
