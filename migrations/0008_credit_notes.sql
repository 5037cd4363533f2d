-- Credit notes, which take back some of an invoice, and the payments of invoices. Head columns as in
-- 0003_mirror.sql, row security as in 0004_mirror_access.sql, the functions as in 0007_apply_functions.sql.

CREATE TABLE credit_notes (
    id text COLLATE "C" NOT NULL,
    livemode boolean NOT NULL,
    created timestamptz,
    customer text COLLATE "C",
    invoice text COLLATE "C",
    number text,
    status text,
    type text,
    currency text,
    reason text,
    memo text,
    amount bigint,
    subtotal bigint,
    total bigint,
    total_excluding_tax bigint,
    pre_payment_amount bigint,
    post_payment_amount bigint,
    out_of_band_amount bigint,
    refunds jsonb,
    customer_balance_transaction text,
    effective_at timestamptz,
    voided_at timestamptz,
    discounts jsonb,
    taxes jsonb,
    as_of timestamptz NOT NULL,
    revision bigint NOT NULL DEFAULT 1,
    deleted_at timestamptz,
    CONSTRAINT credit_notes_pkey PRIMARY KEY (id),
    CONSTRAINT credit_notes_id_check CHECK (id <> '' AND customer <> ''),
    CONSTRAINT credit_notes_complete_check CHECK (
        deleted_at IS NOT NULL
        OR num_nulls(
            created, customer, invoice, number, status, type, currency, amount, subtotal, total,
            pre_payment_amount, post_payment_amount, refunds, discounts, taxes
        ) = 0
    ),
    CONSTRAINT credit_notes_status_check CHECK (status IN ('issued', 'void')),
    CONSTRAINT credit_notes_currency_check CHECK (currency ~ '^[a-z]{3}$'),
    CONSTRAINT credit_notes_revision_check CHECK (revision > 0)
);
COMMENT ON TABLE credit_notes IS 'Stripe credit notes; amounts are positive where they credit.';
CREATE INDEX credit_notes_customer_idx ON credit_notes (customer, created DESC, id DESC);
CREATE INDEX credit_notes_invoice_idx ON credit_notes (invoice);

CREATE TABLE credit_note_line_items (
    credit_note text COLLATE "C" NOT NULL,
    position integer NOT NULL,
    customer text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    type text NOT NULL,
    description text,
    amount bigint NOT NULL,
    currency text NOT NULL,
    quantity numeric,
    unit_amount numeric,
    invoice_line_item text,
    discounts jsonb NOT NULL,
    taxes jsonb NOT NULL,
    CONSTRAINT credit_note_line_items_pkey PRIMARY KEY (credit_note, position),
    CONSTRAINT credit_note_line_items_credit_note_fkey
        FOREIGN KEY (credit_note) REFERENCES credit_notes (id) ON DELETE CASCADE,
    CONSTRAINT credit_note_line_items_position_check CHECK (position >= 0),
    CONSTRAINT credit_note_line_items_currency_check CHECK (currency ~ '^[a-z]{3}$')
);
COMMENT ON TABLE credit_note_line_items IS
    'Lines of a credit note in Stripe''s order; unit_amount is in minor units with decimals, customer is repeated for row security.';

-- Stripe names the invoice of a payment and not its customer: who may read the invoice may read its payments.
CREATE TABLE invoice_payments (
    id text COLLATE "C" NOT NULL,
    livemode boolean NOT NULL,
    created timestamptz,
    invoice text COLLATE "C",
    status text,
    currency text,
    amount_requested bigint,
    amount_paid bigint,
    is_default boolean,
    payment_type text,
    payment text,
    paid_at timestamptz,
    canceled_at timestamptz,
    as_of timestamptz NOT NULL,
    revision bigint NOT NULL DEFAULT 1,
    deleted_at timestamptz,
    CONSTRAINT invoice_payments_pkey PRIMARY KEY (id),
    CONSTRAINT invoice_payments_id_check CHECK (id <> ''),
    CONSTRAINT invoice_payments_complete_check CHECK (
        deleted_at IS NOT NULL
        OR num_nulls(created, invoice, status, currency, amount_requested, is_default, payment_type, payment) = 0
    ),
    CONSTRAINT invoice_payments_status_check CHECK (status IN ('open', 'paid', 'canceled')),
    CONSTRAINT invoice_payments_currency_check CHECK (currency ~ '^[a-z]{3}$'),
    CONSTRAINT invoice_payments_revision_check CHECK (revision > 0)
);
COMMENT ON TABLE invoice_payments IS 'Stripe invoice payments; payment is the id of what payment_type names.';
CREATE INDEX invoice_payments_invoice_idx ON invoice_payments (invoice);

ALTER TABLE credit_notes ENABLE ROW LEVEL SECURITY;
ALTER TABLE credit_notes FORCE ROW LEVEL SECURITY;
ALTER TABLE credit_note_line_items ENABLE ROW LEVEL SECURITY;
ALTER TABLE credit_note_line_items FORCE ROW LEVEL SECURITY;
ALTER TABLE invoice_payments ENABLE ROW LEVEL SECURITY;
ALTER TABLE invoice_payments FORCE ROW LEVEL SECURITY;

CREATE POLICY owner_operates ON credit_notes TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY owner_operates ON credit_note_line_items TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY owner_operates ON invoice_payments TO CURRENT_USER USING (true) WITH CHECK (true);

CREATE POLICY worker_mirrors ON credit_notes TO billing_worker USING (true) WITH CHECK (true);
CREATE POLICY worker_mirrors ON credit_note_line_items TO billing_worker USING (true) WITH CHECK (true);
CREATE POLICY worker_mirrors ON invoice_payments TO billing_worker USING (true) WITH CHECK (true);

CREATE POLICY customer_reads_own ON credit_notes FOR SELECT TO billing_api
    USING (customer = current_setting('billing.customer', true));
CREATE POLICY customer_reads_own ON credit_note_line_items FOR SELECT TO billing_api
    USING (customer = current_setting('billing.customer', true));
CREATE POLICY customer_reads_own ON invoice_payments FOR SELECT TO billing_api
    USING (
        EXISTS (
            SELECT FROM invoices
            WHERE invoices.id = invoice_payments.invoice
                AND invoices.customer = current_setting('billing.customer', true)
        )
    );

GRANT SELECT ON credit_notes, credit_note_line_items, invoice_payments TO billing_api;
GRANT SELECT, INSERT, UPDATE ON credit_notes, invoice_payments TO billing_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON credit_note_line_items TO billing_worker;

CREATE FUNCTION apply_credit_note(
    event jsonb, object text, state jsonb, known_as_of timestamptz, over_revision bigint
) RETURNS text LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    held credit_notes;
    fresh credit_notes;
    line credit_note_line_items;
    is_same boolean;
    verdict text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(object, 0));
    SELECT * INTO held FROM credit_notes WHERE id = object;
    fresh := jsonb_populate_record(held, state);
    is_same := fresh IS NOT DISTINCT FROM held;
    line.credit_note := object;
    line.customer := fresh.customer;
    IF is_same THEN
        is_same := NOT EXISTS (
            SELECT FROM jsonb_populate_recordset(line, state -> 'lines') AS told
            FULL JOIN (SELECT * FROM credit_note_line_items WHERE credit_note = object) AS stands
                USING (credit_note, position)
            WHERE told IS DISTINCT FROM stands
        );
    END IF;
    verdict := record_event(
        event,
        mirror_verdict(held.revision, held.as_of, held.deleted_at, state, known_as_of, over_revision),
        is_same
    );
    IF verdict <> 'applied' THEN
        RETURN verdict;
    END IF;
    fresh.as_of := greatest(held.as_of, known_as_of);
    fresh.revision := coalesce(held.revision, 0) + 1;
    INSERT INTO credit_notes VALUES (fresh.*)
    ON CONFLICT (id) DO UPDATE SET
        livemode = excluded.livemode, created = excluded.created, customer = excluded.customer,
        invoice = excluded.invoice, number = excluded.number, status = excluded.status, type = excluded.type,
        currency = excluded.currency, reason = excluded.reason, memo = excluded.memo,
        amount = excluded.amount, subtotal = excluded.subtotal, total = excluded.total,
        total_excluding_tax = excluded.total_excluding_tax,
        pre_payment_amount = excluded.pre_payment_amount, post_payment_amount = excluded.post_payment_amount,
        out_of_band_amount = excluded.out_of_band_amount, refunds = excluded.refunds,
        customer_balance_transaction = excluded.customer_balance_transaction,
        effective_at = excluded.effective_at, voided_at = excluded.voided_at, discounts = excluded.discounts,
        taxes = excluded.taxes, as_of = excluded.as_of, revision = excluded.revision,
        deleted_at = excluded.deleted_at;
    -- Positions that exist twice are updated, and only where something differs.
    IF held.id IS NOT NULL THEN
        DELETE FROM credit_note_line_items
        WHERE credit_note = object AND position >= jsonb_array_length(state -> 'lines');
    END IF;
    INSERT INTO credit_note_line_items AS stands
    SELECT * FROM jsonb_populate_recordset(line, state -> 'lines')
    ON CONFLICT (credit_note, position) DO UPDATE SET
        customer = excluded.customer, id = excluded.id, type = excluded.type,
        description = excluded.description, amount = excluded.amount, currency = excluded.currency,
        quantity = excluded.quantity, unit_amount = excluded.unit_amount,
        invoice_line_item = excluded.invoice_line_item, discounts = excluded.discounts, taxes = excluded.taxes
    WHERE (stands.*) IS DISTINCT FROM (excluded.*);
    RETURN verdict;
END
$$;

CREATE FUNCTION apply_invoice_payment(
    event jsonb, object text, state jsonb, known_as_of timestamptz, over_revision bigint
) RETURNS text LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    held invoice_payments;
    fresh invoice_payments;
    is_same boolean;
    verdict text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(object, 0));
    SELECT * INTO held FROM invoice_payments WHERE id = object;
    fresh := jsonb_populate_record(held, state);
    is_same := fresh IS NOT DISTINCT FROM held;
    verdict := record_event(
        event,
        mirror_verdict(held.revision, held.as_of, held.deleted_at, state, known_as_of, over_revision),
        is_same
    );
    IF verdict <> 'applied' THEN
        RETURN verdict;
    END IF;
    fresh.as_of := greatest(held.as_of, known_as_of);
    fresh.revision := coalesce(held.revision, 0) + 1;
    INSERT INTO invoice_payments VALUES (fresh.*)
    ON CONFLICT (id) DO UPDATE SET
        livemode = excluded.livemode, created = excluded.created, invoice = excluded.invoice,
        status = excluded.status, currency = excluded.currency,
        amount_requested = excluded.amount_requested, amount_paid = excluded.amount_paid,
        is_default = excluded.is_default, payment_type = excluded.payment_type, payment = excluded.payment,
        paid_at = excluded.paid_at, canceled_at = excluded.canceled_at, as_of = excluded.as_of,
        revision = excluded.revision, deleted_at = excluded.deleted_at;
    RETURN verdict;
END
$$;

GRANT EXECUTE ON FUNCTION apply_credit_note, apply_invoice_payment TO billing_worker;
