-- The write path of the mirror: one call per event, inside the database, so that the plans of its statements
-- are kept by the server's own session, also behind a pooler that allows no prepared statements.
--
-- Every apply_<object> takes
--   event          the event as a row of the inbox in JSON; NULL if no event told of the state
--   object         the object's id
--   state          its state as a row of its table in JSON, with what hangs on it under the name of that; it
--                  replaces the columns that it names; one with deleted_at is a deletion, NULL keeps what stands
--   known_as_of    the state holds every change made before this instant
--   over_revision  the only revision over which it may be written (0: over nothing); NULL: over what is older
-- and answers applied, unchanged (what stands is that state), stale, duplicate, tie or moved: what
-- billing.domain.mirror.Verdict says. The call is its own transaction, which must be READ COMMITTED, so that
-- each statement after the lock sees what others committed while it waited. One lock per call: no deadlock.
-- A column that is added to a table later must be added to its function's list too.

ALTER ROLE billing_worker SET default_transaction_isolation = 'read committed';

CREATE FUNCTION mirror_verdict(
    held_revision bigint, held_as_of timestamptz, held_deleted_at timestamptz,
    state jsonb, known_as_of timestamptz, over_revision bigint
) RETURNS text LANGUAGE sql IMMUTABLE
RETURN CASE
    WHEN over_revision <> coalesce(held_revision, 0) THEN 'moved'
    WHEN state IS NULL OR held_deleted_at IS NOT NULL THEN 'stale'
    WHEN held_revision IS NULL OR over_revision IS NOT NULL OR state ? 'deleted_at' THEN 'applied'
    WHEN held_as_of < known_as_of THEN 'applied'
    WHEN held_as_of > known_as_of THEN 'stale'
    ELSE 'tie'
END;
COMMENT ON FUNCTION mirror_verdict IS
    'Whether a state is later than what stands; a deletion always is, and it is final.';

CREATE FUNCTION record_event(event jsonb, verdict text, is_same boolean) RETURNS text LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    ending text := CASE WHEN verdict = 'tie' AND is_same THEN 'unchanged' ELSE verdict END;
BEGIN
    IF event IS NULL THEN
        RETURN ending;
    ELSIF ending IN ('tie', 'moved') THEN
        PERFORM FROM stripe_webhook_events WHERE id = event ->> 'id';
        RETURN CASE WHEN FOUND THEN 'duplicate' ELSE ending END;
    END IF;
    -- Waits for a transaction that is recording the same event, so that no event counts twice.
    INSERT INTO stripe_webhook_events (id, type, api_version, livemode, created, object_id, outcome)
    SELECT told.id, told.type, told.api_version, told.livemode, told.created, told.object_id,
        CASE ending WHEN 'unchanged' THEN 'applied' ELSE ending END
    FROM jsonb_populate_record(NULL::stripe_webhook_events, event) AS told
    ON CONFLICT (id) DO NOTHING;
    RETURN CASE WHEN FOUND THEN ending ELSE 'duplicate' END;
END
$$;
COMMENT ON FUNCTION record_event IS
    'Puts an event that ends into the inbox, before its effect; says how it ends, duplicate if it is known.';

CREATE FUNCTION apply_customer(
    event jsonb, object text, state jsonb, known_as_of timestamptz, over_revision bigint
) RETURNS text LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    held customers;
    fresh customers;
    is_same boolean;
    verdict text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(object, 0));
    SELECT * INTO held FROM customers WHERE id = object;
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
    INSERT INTO customers VALUES (fresh.*)
    ON CONFLICT (id) DO UPDATE SET
        livemode = excluded.livemode, created = excluded.created, name = excluded.name,
        email = excluded.email, phone = excluded.phone, description = excluded.description,
        currency = excluded.currency, balance = excluded.balance, delinquent = excluded.delinquent,
        tax_exempt = excluded.tax_exempt, address = excluded.address,
        preferred_locales = excluded.preferred_locales, as_of = excluded.as_of, revision = excluded.revision,
        deleted_at = excluded.deleted_at;
    RETURN verdict;
END
$$;

CREATE FUNCTION apply_subscription(
    event jsonb, object text, state jsonb, known_as_of timestamptz, over_revision bigint
) RETURNS text LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    held subscriptions;
    fresh subscriptions;
    item subscription_items;
    is_same boolean;
    verdict text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(object, 0));
    SELECT * INTO held FROM subscriptions WHERE id = object;
    fresh := jsonb_populate_record(held, state);
    is_same := fresh IS NOT DISTINCT FROM held;
    item.subscription := object;
    item.customer := fresh.customer;
    IF is_same THEN
        is_same := NOT EXISTS (
            SELECT FROM jsonb_populate_recordset(item, state -> 'items') AS told
            FULL JOIN (SELECT * FROM subscription_items WHERE subscription = object) AS stands
                USING (subscription, position)
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
    INSERT INTO subscriptions VALUES (fresh.*)
    ON CONFLICT (id) DO UPDATE SET
        livemode = excluded.livemode, created = excluded.created, customer = excluded.customer,
        status = excluded.status, currency = excluded.currency,
        collection_method = excluded.collection_method, cancel_at_period_end = excluded.cancel_at_period_end,
        start_date = excluded.start_date, billing_cycle_anchor = excluded.billing_cycle_anchor,
        cancel_at = excluded.cancel_at, canceled_at = excluded.canceled_at, ended_at = excluded.ended_at,
        trial_start = excluded.trial_start, trial_end = excluded.trial_end, as_of = excluded.as_of,
        revision = excluded.revision, deleted_at = excluded.deleted_at;
    -- Positions that exist twice are updated, and only where something differs.
    IF held.id IS NOT NULL THEN
        DELETE FROM subscription_items
        WHERE subscription = object AND position >= jsonb_array_length(state -> 'items');
    END IF;
    INSERT INTO subscription_items AS stands
    SELECT * FROM jsonb_populate_recordset(item, state -> 'items')
    ON CONFLICT (subscription, position) DO UPDATE SET
        customer = excluded.customer, id = excluded.id, price = excluded.price, product = excluded.product,
        quantity = excluded.quantity, period_start = excluded.period_start, period_end = excluded.period_end
    WHERE (stands.*) IS DISTINCT FROM (excluded.*);
    RETURN verdict;
END
$$;

CREATE FUNCTION apply_invoice(
    event jsonb, object text, state jsonb, known_as_of timestamptz, over_revision bigint
) RETURNS text LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    held invoices;
    fresh invoices;
    line invoice_line_items;
    is_same boolean;
    verdict text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(object, 0));
    SELECT * INTO held FROM invoices WHERE id = object;
    fresh := jsonb_populate_record(held, state);
    is_same := fresh IS NOT DISTINCT FROM held;
    line.invoice := object;
    line.customer := fresh.customer;
    IF is_same THEN
        is_same := NOT EXISTS (
            SELECT FROM jsonb_populate_recordset(line, state -> 'lines') AS told
            FULL JOIN (SELECT * FROM invoice_line_items WHERE invoice = object) AS stands
                USING (invoice, position)
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
    INSERT INTO invoices VALUES (fresh.*)
    ON CONFLICT (id) DO UPDATE SET
        livemode = excluded.livemode, created = excluded.created, customer = excluded.customer,
        subscription = excluded.subscription, number = excluded.number, status = excluded.status,
        currency = excluded.currency, collection_method = excluded.collection_method,
        billing_reason = excluded.billing_reason, description = excluded.description,
        footer = excluded.footer, customer_name = excluded.customer_name,
        customer_email = excluded.customer_email, customer_address = excluded.customer_address,
        customer_tax_ids = excluded.customer_tax_ids, customer_tax_exempt = excluded.customer_tax_exempt,
        subtotal = excluded.subtotal, total = excluded.total,
        total_excluding_tax = excluded.total_excluding_tax, amount_due = excluded.amount_due,
        amount_paid = excluded.amount_paid, amount_remaining = excluded.amount_remaining,
        starting_balance = excluded.starting_balance, period_start = excluded.period_start,
        period_end = excluded.period_end, due_date = excluded.due_date, finalized_at = excluded.finalized_at,
        paid_at = excluded.paid_at, voided_at = excluded.voided_at,
        marked_uncollectible_at = excluded.marked_uncollectible_at, discounts = excluded.discounts,
        taxes = excluded.taxes, as_of = excluded.as_of, revision = excluded.revision,
        deleted_at = excluded.deleted_at;
    -- Positions that exist twice are updated, and only where something differs: the payment of an invoice of
    -- 300 lines rewrites none of them.
    IF held.id IS NOT NULL THEN
        DELETE FROM invoice_line_items
        WHERE invoice = object AND position >= jsonb_array_length(state -> 'lines');
    END IF;
    INSERT INTO invoice_line_items AS stands
    SELECT * FROM jsonb_populate_recordset(line, state -> 'lines')
    ON CONFLICT (invoice, position) DO UPDATE SET
        customer = excluded.customer, id = excluded.id, description = excluded.description,
        amount = excluded.amount, currency = excluded.currency, quantity = excluded.quantity,
        unit_amount = excluded.unit_amount, period_start = excluded.period_start,
        period_end = excluded.period_end, proration = excluded.proration, price = excluded.price,
        product = excluded.product, subscription = excluded.subscription, discounts = excluded.discounts,
        taxes = excluded.taxes
    WHERE (stands.*) IS DISTINCT FROM (excluded.*);
    RETURN verdict;
END
$$;

CREATE FUNCTION apply_tax_rate(
    event jsonb, object text, state jsonb, known_as_of timestamptz, over_revision bigint
) RETURNS text LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    held tax_rates;
    fresh tax_rates;
    is_same boolean;
    verdict text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(object, 0));
    SELECT * INTO held FROM tax_rates WHERE id = object;
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
    INSERT INTO tax_rates VALUES (fresh.*)
    ON CONFLICT (id) DO UPDATE SET
        livemode = excluded.livemode, created = excluded.created, active = excluded.active,
        display_name = excluded.display_name, description = excluded.description,
        percentage = excluded.percentage, inclusive = excluded.inclusive, country = excluded.country,
        state = excluded.state, jurisdiction = excluded.jurisdiction, tax_type = excluded.tax_type,
        as_of = excluded.as_of, revision = excluded.revision, deleted_at = excluded.deleted_at;
    RETURN verdict;
END
$$;

GRANT EXECUTE ON FUNCTION
    mirror_verdict, record_event, apply_customer, apply_subscription, apply_invoice, apply_tax_rate
TO billing_worker;
