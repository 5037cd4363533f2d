-- The other objects of billing: what is sold (products, prices, coupons, discounts, meters), what will be sold
-- (schedules), and how it is paid (payment intents, charges, payment methods, refunds, disputes). Head columns
-- as in 0003_mirror.sql, row security as in 0004_mirror_access.sql, the contract of the functions as in
-- 0007_apply_functions.sql. Of a payment method there is what recognises it and no more; no secret of Stripe's
-- (client_secret, receipt_url) and no evidence has a column.

CREATE TABLE products (
    id text COLLATE "C" NOT NULL,
    livemode boolean NOT NULL,
    created timestamptz,
    active boolean,
    name text,
    description text,
    unit_label text,
    tax_code text,
    default_price text,
    as_of timestamptz NOT NULL,
    revision bigint NOT NULL DEFAULT 1,
    deleted_at timestamptz,
    CONSTRAINT products_pkey PRIMARY KEY (id),
    CONSTRAINT products_id_check CHECK (id <> ''),
    CONSTRAINT products_complete_check CHECK (deleted_at IS NOT NULL OR num_nulls(created, active, name) = 0),
    CONSTRAINT products_revision_check CHECK (revision > 0)
);
COMMENT ON TABLE products IS 'Stripe products.';

CREATE TABLE prices (
    id text COLLATE "C" NOT NULL,
    livemode boolean NOT NULL,
    created timestamptz,
    active boolean,
    product text COLLATE "C",
    currency text,
    type text,
    billing_scheme text,
    unit_amount numeric,
    tiers_mode text,
    tiers jsonb,
    recurring_interval text,
    recurring_interval_count integer,
    recurring_usage_type text,
    recurring_meter text,
    transform_divide_by integer,
    transform_round text,
    tax_behavior text,
    nickname text,
    lookup_key text,
    as_of timestamptz NOT NULL,
    revision bigint NOT NULL DEFAULT 1,
    deleted_at timestamptz,
    CONSTRAINT prices_pkey PRIMARY KEY (id),
    CONSTRAINT prices_id_check CHECK (id <> '' AND product <> ''),
    CONSTRAINT prices_complete_check CHECK (
        deleted_at IS NOT NULL
        OR num_nulls(created, active, product, currency, type, billing_scheme, tiers) = 0
    ),
    CONSTRAINT prices_type_check CHECK (type IN ('one_time', 'recurring')),
    CONSTRAINT prices_recurring_check CHECK (
        CASE type
            WHEN 'recurring'
                THEN num_nulls(recurring_interval, recurring_interval_count, recurring_usage_type) = 0
            ELSE true
        END
    ),
    CONSTRAINT prices_currency_check CHECK (currency ~ '^[a-z]{3}$'),
    CONSTRAINT prices_revision_check CHECK (revision > 0)
);
COMMENT ON TABLE prices IS
    'Stripe prices; unit_amount and the amounts of tiers are minor units with decimals, of tiers as texts.';
CREATE INDEX prices_product_idx ON prices (product);
CREATE INDEX prices_recurring_meter_idx ON prices (recurring_meter) WHERE recurring_meter IS NOT NULL;

CREATE TABLE coupons (
    id text COLLATE "C" NOT NULL,
    livemode boolean NOT NULL,
    created timestamptz,
    name text,
    currency text,
    amount_off bigint,
    percent_off numeric,
    duration text,
    duration_in_months integer,
    max_redemptions integer,
    redeem_by timestamptz,
    as_of timestamptz NOT NULL,
    revision bigint NOT NULL DEFAULT 1,
    deleted_at timestamptz,
    CONSTRAINT coupons_pkey PRIMARY KEY (id),
    CONSTRAINT coupons_id_check CHECK (id <> ''),
    CONSTRAINT coupons_complete_check CHECK (deleted_at IS NOT NULL OR num_nulls(created, duration) = 0),
    CONSTRAINT coupons_amount_check CHECK (amount_off IS NULL OR currency IS NOT NULL),
    CONSTRAINT coupons_currency_check CHECK (currency ~ '^[a-z]{3}$'),
    CONSTRAINT coupons_revision_check CHECK (revision > 0)
);
COMMENT ON TABLE coupons IS
    'Stripe coupons; an id that was deleted may be taken again. How often one was redeemed Stripe tells in no event.';

-- Stripe tells neither the mode of a discount nor when it was created.
CREATE TABLE discounts (
    id text COLLATE "C" NOT NULL,
    customer text COLLATE "C",
    subscription text COLLATE "C",
    invoice text COLLATE "C",
    invoice_item text,
    coupon text COLLATE "C",
    promotion_code text,
    start timestamptz,
    "end" timestamptz,
    as_of timestamptz NOT NULL,
    revision bigint NOT NULL DEFAULT 1,
    deleted_at timestamptz,
    CONSTRAINT discounts_pkey PRIMARY KEY (id),
    CONSTRAINT discounts_id_check CHECK (id <> '' AND customer <> ''),
    CONSTRAINT discounts_complete_check CHECK (deleted_at IS NOT NULL OR start IS NOT NULL),
    CONSTRAINT discounts_revision_check CHECK (revision > 0)
);
COMMENT ON TABLE discounts IS
    'Stripe discounts; a deleted one keeps its row, because the invoices that it lowered go on naming it.';
CREATE INDEX discounts_customer_idx ON discounts (customer);

CREATE TABLE billing_meters (
    id text COLLATE "C" NOT NULL,
    livemode boolean NOT NULL,
    created timestamptz,
    status text,
    display_name text,
    event_name text,
    event_time_window text,
    aggregation text,
    customer_key text,
    value_key text,
    deactivated_at timestamptz,
    as_of timestamptz NOT NULL,
    revision bigint NOT NULL DEFAULT 1,
    deleted_at timestamptz,
    CONSTRAINT billing_meters_pkey PRIMARY KEY (id),
    CONSTRAINT billing_meters_id_check CHECK (id <> ''),
    CONSTRAINT billing_meters_complete_check CHECK (
        deleted_at IS NOT NULL
        OR num_nulls(created, status, display_name, event_name, aggregation, customer_key, value_key) = 0
    ),
    CONSTRAINT billing_meters_status_check CHECK (status IN ('active', 'inactive')),
    CONSTRAINT billing_meters_revision_check CHECK (revision > 0)
);
COMMENT ON TABLE billing_meters IS
    'Stripe billing meters; customer_key and value_key name the members of a usage event''s payload.';
CREATE INDEX billing_meters_event_name_idx ON billing_meters (event_name);

CREATE TABLE subscription_schedules (
    id text COLLATE "C" NOT NULL,
    livemode boolean NOT NULL,
    created timestamptz,
    customer text COLLATE "C",
    status text,
    subscription text COLLATE "C",
    released_subscription text COLLATE "C",
    end_behavior text,
    current_phase_start timestamptz,
    current_phase_end timestamptz,
    canceled_at timestamptz,
    completed_at timestamptz,
    released_at timestamptz,
    phases jsonb,
    as_of timestamptz NOT NULL,
    revision bigint NOT NULL DEFAULT 1,
    deleted_at timestamptz,
    CONSTRAINT subscription_schedules_pkey PRIMARY KEY (id),
    CONSTRAINT subscription_schedules_id_check CHECK (id <> '' AND customer <> ''),
    CONSTRAINT subscription_schedules_complete_check CHECK (
        deleted_at IS NOT NULL OR num_nulls(created, customer, status, end_behavior, phases) = 0
    ),
    CONSTRAINT subscription_schedules_status_check CHECK (
        status IN ('not_started', 'active', 'completed', 'released', 'canceled')
    ),
    CONSTRAINT subscription_schedules_revision_check CHECK (revision > 0)
);
COMMENT ON TABLE subscription_schedules IS
    'Stripe subscription schedules; phases in order, each with its dates, prices, quantities and discounts.';
CREATE INDEX subscription_schedules_customer_idx ON subscription_schedules (customer);
CREATE INDEX subscription_schedules_subscription_idx ON subscription_schedules (subscription);

CREATE TABLE payment_intents (
    id text COLLATE "C" NOT NULL,
    livemode boolean NOT NULL,
    created timestamptz,
    customer text COLLATE "C",
    status text,
    currency text,
    amount bigint,
    amount_received bigint,
    amount_capturable bigint,
    description text,
    payment_method text COLLATE "C",
    latest_charge text COLLATE "C",
    error_code text,
    decline_code text,
    cancellation_reason text,
    canceled_at timestamptz,
    as_of timestamptz NOT NULL,
    revision bigint NOT NULL DEFAULT 1,
    deleted_at timestamptz,
    CONSTRAINT payment_intents_pkey PRIMARY KEY (id),
    CONSTRAINT payment_intents_id_check CHECK (id <> '' AND customer <> ''),
    CONSTRAINT payment_intents_complete_check CHECK (
        deleted_at IS NOT NULL
        OR num_nulls(created, status, currency, amount, amount_received, amount_capturable) = 0
    ),
    CONSTRAINT payment_intents_status_check CHECK (
        status IN (
            'requires_payment_method', 'requires_confirmation', 'requires_action', 'requires_capture',
            'processing', 'succeeded', 'canceled'
        )
    ),
    CONSTRAINT payment_intents_currency_check CHECK (currency ~ '^[a-z]{3}$'),
    CONSTRAINT payment_intents_revision_check CHECK (revision > 0)
);
COMMENT ON TABLE payment_intents IS
    'Stripe payment intents as their last event told them; invoice_payments says which invoice one pays.';
CREATE INDEX payment_intents_customer_idx ON payment_intents (customer, created DESC, id DESC);

CREATE TABLE charges (
    id text COLLATE "C" NOT NULL,
    livemode boolean NOT NULL,
    created timestamptz,
    customer text COLLATE "C",
    payment_intent text COLLATE "C",
    status text,
    currency text,
    amount bigint,
    amount_captured bigint,
    amount_refunded bigint,
    captured boolean,
    refunded boolean,
    payment_method text COLLATE "C",
    payment_method_type text,
    balance_transaction text COLLATE "C",
    description text,
    failure_code text,
    failure_message text,
    outcome_type text,
    outcome_reason text,
    receipt_number text,
    as_of timestamptz NOT NULL,
    revision bigint NOT NULL DEFAULT 1,
    deleted_at timestamptz,
    CONSTRAINT charges_pkey PRIMARY KEY (id),
    CONSTRAINT charges_id_check CHECK (id <> '' AND customer <> ''),
    CONSTRAINT charges_complete_check CHECK (
        deleted_at IS NOT NULL
        OR num_nulls(
            created, status, currency, amount, amount_captured, amount_refunded, captured, refunded
        ) = 0
    ),
    CONSTRAINT charges_status_check CHECK (status IN ('pending', 'succeeded', 'failed')),
    CONSTRAINT charges_currency_check CHECK (currency ~ '^[a-z]{3}$'),
    CONSTRAINT charges_revision_check CHECK (revision > 0)
);
COMMENT ON TABLE charges IS 'Stripe charges; balance_transaction is what one moved on the seller''s balance.';
CREATE INDEX charges_customer_idx ON charges (customer, created DESC, id DESC);
CREATE INDEX charges_payment_intent_idx ON charges (payment_intent);

CREATE TABLE payment_methods (
    id text COLLATE "C" NOT NULL,
    livemode boolean NOT NULL,
    created timestamptz,
    customer text COLLATE "C",
    type text,
    brand text,
    last4 text,
    exp_month integer,
    exp_year integer,
    as_of timestamptz NOT NULL,
    revision bigint NOT NULL DEFAULT 1,
    deleted_at timestamptz,
    CONSTRAINT payment_methods_pkey PRIMARY KEY (id),
    CONSTRAINT payment_methods_id_check CHECK (id <> '' AND customer <> ''),
    CONSTRAINT payment_methods_complete_check CHECK (
        deleted_at IS NOT NULL OR num_nulls(created, type) = 0
    ),
    CONSTRAINT payment_methods_last4_check CHECK (length(last4) <= 4),
    CONSTRAINT payment_methods_revision_check CHECK (revision > 0)
);
COMMENT ON TABLE payment_methods IS
    'Stripe payment methods: what recognises one; customer is NULL once it is detached.';
CREATE INDEX payment_methods_customer_idx ON payment_methods (customer);

-- Stripe tells neither the mode nor the customer of a refund: who may read its charge may read it.
CREATE TABLE refunds (
    id text COLLATE "C" NOT NULL,
    created timestamptz,
    charge text COLLATE "C",
    payment_intent text COLLATE "C",
    status text,
    currency text,
    amount bigint,
    reason text,
    failure_reason text,
    balance_transaction text COLLATE "C",
    failure_balance_transaction text COLLATE "C",
    receipt_number text,
    as_of timestamptz NOT NULL,
    revision bigint NOT NULL DEFAULT 1,
    deleted_at timestamptz,
    CONSTRAINT refunds_pkey PRIMARY KEY (id),
    CONSTRAINT refunds_id_check CHECK (id <> ''),
    CONSTRAINT refunds_complete_check CHECK (
        deleted_at IS NOT NULL OR num_nulls(created, currency, amount) = 0
    ),
    CONSTRAINT refunds_currency_check CHECK (currency ~ '^[a-z]{3}$'),
    CONSTRAINT refunds_revision_check CHECK (revision > 0)
);
COMMENT ON TABLE refunds IS 'Stripe refunds; failure_balance_transaction brought back what could not be refunded.';
CREATE INDEX refunds_charge_idx ON refunds (charge);
CREATE INDEX refunds_payment_intent_idx ON refunds (payment_intent);

-- The bank names a dispute's charge, and Stripe adds no customer.
CREATE TABLE disputes (
    id text COLLATE "C" NOT NULL,
    livemode boolean NOT NULL,
    created timestamptz,
    charge text COLLATE "C",
    payment_intent text COLLATE "C",
    status text,
    currency text,
    amount bigint,
    reason text,
    is_charge_refundable boolean,
    evidence_due_by timestamptz,
    balance_transactions text[],
    as_of timestamptz NOT NULL,
    revision bigint NOT NULL DEFAULT 1,
    deleted_at timestamptz,
    CONSTRAINT disputes_pkey PRIMARY KEY (id),
    CONSTRAINT disputes_id_check CHECK (id <> '' AND charge <> ''),
    CONSTRAINT disputes_complete_check CHECK (
        deleted_at IS NOT NULL
        OR num_nulls(
            created, charge, status, currency, amount, reason, is_charge_refundable, balance_transactions
        ) = 0
    ),
    CONSTRAINT disputes_currency_check CHECK (currency ~ '^[a-z]{3}$'),
    CONSTRAINT disputes_revision_check CHECK (revision > 0)
);
COMMENT ON TABLE disputes IS 'Stripe disputes; balance_transactions are what one took from the seller and gave back.';
CREATE INDEX disputes_charge_idx ON disputes (charge);

DO $$
DECLARE
    mirrored text;
BEGIN
    FOREACH mirrored IN ARRAY ARRAY[
        'products', 'prices', 'coupons', 'discounts', 'billing_meters', 'subscription_schedules',
        'payment_intents', 'charges', 'payment_methods', 'refunds', 'disputes'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', mirrored);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', mirrored);
        EXECUTE format(
            'CREATE POLICY owner_operates ON %I TO CURRENT_USER USING (true) WITH CHECK (true)', mirrored
        );
        EXECUTE format(
            'CREATE POLICY worker_mirrors ON %I TO billing_worker USING (true) WITH CHECK (true)', mirrored
        );
        EXECUTE format('GRANT SELECT ON %I TO billing_api', mirrored);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO billing_worker', mirrored);
    END LOOP;
    -- The seller's own.
    FOREACH mirrored IN ARRAY ARRAY['products', 'prices', 'coupons', 'billing_meters'] LOOP
        EXECUTE format('CREATE POLICY everybody_reads ON %I FOR SELECT TO billing_api USING (true)', mirrored);
    END LOOP;
    FOREACH mirrored IN ARRAY ARRAY[
        'discounts', 'subscription_schedules', 'payment_intents', 'charges', 'payment_methods'
    ] LOOP
        EXECUTE format(
            'CREATE POLICY customer_reads_own ON %I FOR SELECT TO billing_api'
            ' USING (customer = current_setting(''billing.customer'', true))',
            mirrored
        );
    END LOOP;
END
$$;
CREATE POLICY customer_reads_own ON refunds FOR SELECT TO billing_api
    USING (
        EXISTS (
            SELECT FROM charges
            WHERE charges.id = refunds.charge
                AND charges.customer = current_setting('billing.customer', true)
        )
        OR EXISTS (
            SELECT FROM payment_intents
            WHERE payment_intents.id = refunds.payment_intent
                AND payment_intents.customer = current_setting('billing.customer', true)
        )
    );
CREATE POLICY customer_reads_own ON disputes FOR SELECT TO billing_api
    USING (
        EXISTS (
            SELECT FROM charges
            WHERE charges.id = disputes.charge
                AND charges.customer = current_setting('billing.customer', true)
        )
    );

-- An object without children is one row, and its function needs only the names of its table and columns. After
-- a column is added to such a table, its function is defined anew by a call of this.
-- An id that its owner chose (a coupon's, a product's) can be taken again once its object is deleted: what was
-- created after the deletion is another object, and a deletion from before that is not its own.
CREATE FUNCTION define_apply_function(name text, mirrored regclass) RETURNS void LANGUAGE plpgsql
SET search_path = public, pg_temp AS $define$
DECLARE
    assignments text := (
        SELECT string_agg(format('%1$I = excluded.%1$I', attname), ', ' ORDER BY attnum)
        FROM pg_attribute
        WHERE attrelid = mirrored AND attnum > 0 AND NOT attisdropped AND attname <> 'id'
    );
    -- A table without the column has no ids that are taken again.
    created text := CASE
        WHEN EXISTS (SELECT FROM pg_attribute WHERE attrelid = mirrored AND attname = 'created')
            THEN 'held.created'
        ELSE 'NULL::timestamptz'
    END;
BEGIN
    EXECUTE format(
        $template$
CREATE OR REPLACE FUNCTION %1$I(
    event jsonb, object text, state jsonb, known_as_of timestamptz, over_revision bigint
) RETURNS text LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $body$
DECLARE
    held %2$s;
    fresh %2$s;
    is_same boolean;
    verdict text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(object, 0));
    SELECT * INTO held FROM %2$s WHERE id = object;
    IF held.deleted_at IS NOT NULL AND held.as_of < (state ->> 'created')::timestamptz THEN
        held.deleted_at := NULL;
    END IF;
    fresh := jsonb_populate_record(held, state);
    is_same := fresh IS NOT DISTINCT FROM held;
    verdict := record_event(
        event,
        CASE
            WHEN state ? 'deleted_at' AND %4$s > known_as_of THEN 'stale'
            ELSE mirror_verdict(
                held.revision, held.as_of, held.deleted_at, state, known_as_of, over_revision
            )
        END,
        is_same
    );
    IF verdict <> 'applied' THEN
        RETURN verdict;
    END IF;
    fresh.as_of := greatest(held.as_of, known_as_of);
    fresh.revision := coalesce(held.revision, 0) + 1;
    INSERT INTO %2$s VALUES (fresh.*) ON CONFLICT (id) DO UPDATE SET %3$s;
    RETURN verdict;
END
$body$
        $template$,
        name, mirrored, assignments, created
    );
    EXECUTE format('GRANT EXECUTE ON FUNCTION %I TO billing_worker', name);
END
$define$;
COMMENT ON FUNCTION define_apply_function IS
    'Makes the function that writes an object without children; for migrations.';

SELECT
    define_apply_function('apply_product', 'products'),
    define_apply_function('apply_price', 'prices'),
    define_apply_function('apply_coupon', 'coupons'),
    define_apply_function('apply_discount', 'discounts'),
    define_apply_function('apply_billing_meter', 'billing_meters'),
    define_apply_function('apply_subscription_schedule', 'subscription_schedules'),
    define_apply_function('apply_payment_intent', 'payment_intents'),
    define_apply_function('apply_charge', 'charges'),
    define_apply_function('apply_payment_method', 'payment_methods'),
    define_apply_function('apply_refund', 'refunds'),
    define_apply_function('apply_dispute', 'disputes');
