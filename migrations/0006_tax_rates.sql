-- Stripe's tax rates, so that an invoice can say how many per cent a tax is. They are the seller's and no
-- customer's: who may read invoices may read every rate. Head columns as in 0003_mirror.sql.

CREATE TABLE tax_rates (
    id text COLLATE "C" NOT NULL,
    livemode boolean NOT NULL,
    created timestamptz,
    active boolean,
    display_name text,
    description text,
    percentage numeric,
    inclusive boolean,
    country text,
    state text,
    jurisdiction text,
    tax_type text,
    as_of timestamptz NOT NULL,
    revision bigint NOT NULL DEFAULT 1,
    deleted_at timestamptz,
    CONSTRAINT tax_rates_pkey PRIMARY KEY (id),
    CONSTRAINT tax_rates_id_check CHECK (id <> ''),
    CONSTRAINT tax_rates_complete_check CHECK (
        deleted_at IS NOT NULL OR num_nulls(created, active, display_name, inclusive) = 0
    ),
    CONSTRAINT tax_rates_revision_check CHECK (revision > 0)
);
COMMENT ON TABLE tax_rates IS 'Stripe tax rates; percentage is 19 for 19 %, NULL for a fixed amount.';

ALTER TABLE tax_rates ENABLE ROW LEVEL SECURITY;
ALTER TABLE tax_rates FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_operates ON tax_rates TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY worker_mirrors ON tax_rates TO billing_worker USING (true) WITH CHECK (true);
CREATE POLICY everybody_reads ON tax_rates FOR SELECT TO billing_api USING (true);

GRANT SELECT ON tax_rates TO billing_api;
GRANT SELECT, INSERT, UPDATE ON tax_rates TO billing_worker;
