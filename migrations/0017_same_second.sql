-- Two gaps.
--
-- An id that its owner chose may be taken again in the very second in which its object is deleted, and the other
-- way round. Then the events do not tell which came first: a state that was created in the second of the deletion
-- that stands is a tie, and so is a deletion of the second in which what stands was created. Stripe settles both.
--
-- Stripe keeps the payment methods of a customer who is deleted, and goes on telling of them. What the mirror
-- knows of their digits goes with the customer: here what was kept until now, and from now on with each event
-- (billing.adapters.postgres.mirror).

CREATE OR REPLACE FUNCTION define_apply_function(name text, mirrored regclass) RETURNS void LANGUAGE plpgsql
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
    revives boolean;
    is_same boolean;
    verdict text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(object, 0));
    SELECT * INTO held FROM %2$s WHERE id = object;
    revives := held.deleted_at IS NOT NULL AND held.as_of <= (state ->> 'created')::timestamptz;
    IF revives THEN
        held.deleted_at := NULL;
    END IF;
    fresh := jsonb_populate_record(held, state);
    is_same := fresh IS NOT DISTINCT FROM held AND revives IS NOT TRUE;
    verdict := record_event(
        event,
        CASE
            WHEN state ? 'deleted_at' AND %4$s > known_as_of THEN 'stale'
            WHEN state ? 'deleted_at' AND %4$s = known_as_of AND held.deleted_at IS NULL AND over_revision IS NULL
                THEN 'tie'
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

UPDATE payment_methods SET last4 = NULL, exp_month = NULL, exp_year = NULL
WHERE num_nonnulls(last4, exp_month, exp_year) > 0
    AND EXISTS (
        SELECT FROM customers
        WHERE customers.id = payment_methods.customer AND customers.deleted_at IS NOT NULL
    );
