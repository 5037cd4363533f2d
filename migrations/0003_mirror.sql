-- The mirror of Stripe's objects. Amounts are in minor units of the row's currency; instants are UTC.
-- A head row carries as_of (it holds every change made strictly before), revision (grows with every write)
-- and deleted_at (final). A deletion may arrive before anything else about its object: then only those
-- columns are filled, which is why the others are NOT NULL by a check that spares deleted rows.
-- There is no foreign key between objects: a child may arrive before its parent.

CREATE TABLE customers (
    id text COLLATE "C" NOT NULL,
    livemode boolean NOT NULL,
    created timestamptz,
    name text,
    email text,
    phone text,
    description text,
    currency text,
    balance bigint,
    delinquent boolean,
    tax_exempt text,
    address jsonb,
    preferred_locales text[],
    as_of timestamptz NOT NULL,
    revision bigint NOT NULL DEFAULT 1,
    deleted_at timestamptz,
    CONSTRAINT customers_pkey PRIMARY KEY (id),
    CONSTRAINT customers_id_check CHECK (id <> ''),
    CONSTRAINT customers_complete_check CHECK (
        deleted_at IS NOT NULL
        OR num_nulls(created, balance, delinquent, tax_exempt, preferred_locales) = 0
    ),
    CONSTRAINT customers_currency_check CHECK (currency ~ '^[a-z]{3}$'),
    CONSTRAINT customers_revision_check CHECK (revision > 0)
);
COMMENT ON TABLE customers IS 'Stripe customers; a deleted one keeps its row, without what is personal.';

CREATE TABLE subscriptions (
    id text COLLATE "C" NOT NULL,
    livemode boolean NOT NULL,
    created timestamptz,
    customer text COLLATE "C",
    status text,
    currency text,
    collection_method text,
    cancel_at_period_end boolean,
    start_date timestamptz,
    billing_cycle_anchor timestamptz,
    cancel_at timestamptz,
    canceled_at timestamptz,
    ended_at timestamptz,
    trial_start timestamptz,
    trial_end timestamptz,
    as_of timestamptz NOT NULL,
    revision bigint NOT NULL DEFAULT 1,
    deleted_at timestamptz,
    CONSTRAINT subscriptions_pkey PRIMARY KEY (id),
    CONSTRAINT subscriptions_id_check CHECK (id <> '' AND customer <> ''),
    CONSTRAINT subscriptions_complete_check CHECK (
        deleted_at IS NOT NULL
        OR num_nulls(
            created, customer, status, currency, collection_method, cancel_at_period_end, start_date,
            billing_cycle_anchor
        ) = 0
    ),
    CONSTRAINT subscriptions_status_check CHECK (
        status IN (
            'incomplete', 'trialing', 'active', 'past_due', 'unpaid', 'paused', 'canceled',
            'incomplete_expired'
        )
    ),
    CONSTRAINT subscriptions_currency_check CHECK (currency ~ '^[a-z]{3}$'),
    CONSTRAINT subscriptions_revision_check CHECK (revision > 0)
);
COMMENT ON TABLE subscriptions IS 'Stripe subscriptions; a cancelled one is a status, not a deletion.';
CREATE INDEX subscriptions_customer_idx ON subscriptions (customer, created DESC, id DESC);

-- Items and lines are numbered in Stripe's order. The number is the key, not Stripe's id, because before
-- API version 2018-05-21 a line's id was its subscription's, so that two lines could share it.
CREATE TABLE subscription_items (
    subscription text COLLATE "C" NOT NULL,
    position integer NOT NULL,
    customer text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    price text NOT NULL,
    product text NOT NULL,
    quantity numeric,
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL,
    CONSTRAINT subscription_items_pkey PRIMARY KEY (subscription, position),
    CONSTRAINT subscription_items_subscription_fkey
        FOREIGN KEY (subscription) REFERENCES subscriptions (id) ON DELETE CASCADE,
    CONSTRAINT subscription_items_position_check CHECK (position >= 0),
    CONSTRAINT subscription_items_period_check CHECK (period_start <= period_end)
);
COMMENT ON TABLE subscription_items IS 'The prices of a subscription; customer is repeated for row security.';

CREATE TABLE invoices (
    id text COLLATE "C" NOT NULL,
    livemode boolean NOT NULL,
    created timestamptz,
    customer text COLLATE "C",
    subscription text COLLATE "C",
    number text,
    status text,
    currency text,
    collection_method text,
    billing_reason text,
    description text,
    footer text,
    customer_name text,
    customer_email text,
    customer_address jsonb,
    customer_tax_ids jsonb,
    customer_tax_exempt text,
    subtotal bigint,
    total bigint,
    total_excluding_tax bigint,
    amount_due bigint,
    amount_paid bigint,
    amount_remaining bigint,
    starting_balance bigint,
    period_start timestamptz,
    period_end timestamptz,
    due_date timestamptz,
    finalized_at timestamptz,
    paid_at timestamptz,
    voided_at timestamptz,
    marked_uncollectible_at timestamptz,
    discounts jsonb,
    taxes jsonb,
    as_of timestamptz NOT NULL,
    revision bigint NOT NULL DEFAULT 1,
    deleted_at timestamptz,
    CONSTRAINT invoices_pkey PRIMARY KEY (id),
    CONSTRAINT invoices_id_check CHECK (id <> '' AND customer <> ''),
    CONSTRAINT invoices_complete_check CHECK (
        deleted_at IS NOT NULL
        OR num_nulls(
            created, customer, status, currency, collection_method, customer_tax_ids, subtotal, total,
            amount_due, amount_paid, amount_remaining, starting_balance, period_start, period_end,
            discounts, taxes
        ) = 0
    ),
    CONSTRAINT invoices_status_check CHECK (status IN ('draft', 'open', 'paid', 'uncollectible', 'void')),
    CONSTRAINT invoices_currency_check CHECK (currency ~ '^[a-z]{3}$'),
    CONSTRAINT invoices_period_check CHECK (period_start <= period_end),
    CONSTRAINT invoices_revision_check CHECK (revision > 0)
);
COMMENT ON TABLE invoices IS 'Stripe invoices; deleted_at is set where a draft was deleted.';
CREATE INDEX invoices_customer_idx ON invoices (customer, created DESC, id DESC);
CREATE INDEX invoices_customer_status_idx ON invoices (customer, status, created DESC, id DESC);
CREATE INDEX invoices_subscription_idx ON invoices (subscription);

CREATE TABLE invoice_line_items (
    invoice text COLLATE "C" NOT NULL,
    position integer NOT NULL,
    customer text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    description text,
    amount bigint NOT NULL,
    currency text NOT NULL,
    quantity numeric,
    unit_amount numeric,
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL,
    proration boolean NOT NULL,
    price text,
    product text,
    subscription text COLLATE "C",
    discounts jsonb NOT NULL,
    taxes jsonb NOT NULL,
    CONSTRAINT invoice_line_items_pkey PRIMARY KEY (invoice, position),
    CONSTRAINT invoice_line_items_invoice_fkey
        FOREIGN KEY (invoice) REFERENCES invoices (id) ON DELETE CASCADE,
    CONSTRAINT invoice_line_items_position_check CHECK (position >= 0),
    CONSTRAINT invoice_line_items_currency_check CHECK (currency ~ '^[a-z]{3}$'),
    CONSTRAINT invoice_line_items_period_check CHECK (period_start <= period_end)
);
COMMENT ON TABLE invoice_line_items IS
    'Lines of an invoice in Stripe''s order; unit_amount is in minor units with decimals, customer is repeated for row security.';
