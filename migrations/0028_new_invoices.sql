-- Of invoices that nobody has seen before, as a backfill brings them a hundred at a time and a morning's renewals ten,
-- the server spent more on starting statements than on rows: the constraints of a table are read anew for each statement
-- that inserts. Such invoices of a batch are now written by one statement, and their lines by another.
--
-- Which they are is told where the batch has its locks: nothing stands under the id, the batch tells of it once, and its
-- event is neither known nor told twice. What apply_invoice does then is no more than to insert. Everything else, a
-- deletion among it, is for apply_invoice as before.
--
-- Each invoice is looked up by a subquery of its own: a join with a table of unknown size, planned while that was
-- empty, would read all of it for every batch of the session.

CREATE FUNCTION apply_new_invoices(told jsonb, known text[]) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    fresh text[];
BEGIN
    IF jsonb_array_length(told) < 2 OR NOT told @? '$[*].function ? (@ == "apply_invoice")' THEN
        RETURN NULL;
    END IF;
    fresh := ARRAY(
        SELECT object
        FROM (
            SELECT one ->> 'object' AS object,
                one ->> 'function' = 'apply_invoice'
                    AND jsonb_typeof(one -> 'state') = 'object'
                    AND NOT one -> 'state' ? 'deleted_at'
                    AND (
                        one -> 'event' ->> 'id' IS NULL
                        OR one -> 'event' ->> 'id' <> ALL (known)
                        AND count(*) OVER (PARTITION BY one -> 'event' ->> 'id') = 1
                    )
                    AND (SELECT true FROM invoices WHERE id = one ->> 'object') IS NULL AS is_new
            FROM jsonb_array_elements(told) AS one
        ) AS each
        GROUP BY object
        HAVING count(*) = 1 AND bool_and(is_new)
    );
    -- One alone is written as quickly by its own function.
    IF cardinality(fresh) < 2 THEN
        RETURN NULL;
    END IF;
    INSERT INTO invoices
    SELECT fine.*
    FROM jsonb_to_recordset(told) AS one (object text, state invoices, as_of timestamptz),
        jsonb_populate_record(one.state, jsonb_build_object('as_of', one.as_of, 'revision', 1)) AS fine
    WHERE one.object = ANY (fresh);
    INSERT INTO invoice_line_items
    SELECT line.*
    FROM jsonb_to_recordset(told) AS one (object text, state jsonb),
        jsonb_populate_recordset(
            jsonb_populate_record(
                NULL::invoice_line_items,
                jsonb_build_object('invoice', one.object, 'customer', one.state ->> 'customer')
            ),
            one.state -> 'lines'
        ) AS line
    WHERE one.object = ANY (fresh);
    RETURN fresh;
END
$$;
COMMENT ON FUNCTION apply_new_invoices IS
    'Writes those invoices of a batch that nothing is known of, and returns their ids; the caller has their locks and plans.';

CREATE OR REPLACE FUNCTION apply_together(told jsonb) RETURNS text LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    given record;
    known text[];
    fresh text[];
    word text;
    words text[] := '{}';
    recorded bigint := 0;
    written bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(one ->> 'object', 0)) FROM jsonb_array_elements(told) AS one;
    known := ARRAY(
        SELECT id FROM stripe_webhook_events
        WHERE id = ANY (ARRAY(SELECT one -> 'event' ->> 'id' FROM jsonb_array_elements(told) AS one))
            AND outcome NOT IN ('failed', 'quarantined')
    );
    fresh := apply_new_invoices(told, known);
    FOR given IN
        SELECT *
        FROM jsonb_to_recordset(told) AS one (function text, event jsonb, object text, state jsonb, as_of timestamptz)
    LOOP
        word := CASE
            WHEN given.event ->> 'id' = ANY (known) THEN 'duplicate'
            WHEN given.object = ANY (fresh) THEN 'applied'
        END;
        IF word IS NULL THEN
            word := CASE given.function
                WHEN 'apply_invoice' THEN apply_invoice(NULL, given.object, given.state, given.as_of, NULL)
                WHEN 'apply_customer' THEN apply_customer(NULL, given.object, given.state, given.as_of, NULL)
                WHEN 'apply_subscription' THEN apply_subscription(NULL, given.object, given.state, given.as_of, NULL)
                WHEN 'apply_tax_rate' THEN apply_tax_rate(NULL, given.object, given.state, given.as_of, NULL)
                WHEN 'apply_credit_note' THEN apply_credit_note(NULL, given.object, given.state, given.as_of, NULL)
                WHEN 'apply_invoice_payment'
                    THEN apply_invoice_payment(NULL, given.object, given.state, given.as_of, NULL)
                WHEN 'apply_product' THEN apply_product(NULL, given.object, given.state, given.as_of, NULL)
                WHEN 'apply_price' THEN apply_price(NULL, given.object, given.state, given.as_of, NULL)
                WHEN 'apply_coupon' THEN apply_coupon(NULL, given.object, given.state, given.as_of, NULL)
                WHEN 'apply_discount' THEN apply_discount(NULL, given.object, given.state, given.as_of, NULL)
                WHEN 'apply_billing_meter' THEN apply_billing_meter(NULL, given.object, given.state, given.as_of, NULL)
                WHEN 'apply_subscription_schedule'
                    THEN apply_subscription_schedule(NULL, given.object, given.state, given.as_of, NULL)
                WHEN 'apply_payment_intent'
                    THEN apply_payment_intent(NULL, given.object, given.state, given.as_of, NULL)
                WHEN 'apply_charge' THEN apply_charge(NULL, given.object, given.state, given.as_of, NULL)
                WHEN 'apply_payment_method'
                    THEN apply_payment_method(NULL, given.object, given.state, given.as_of, NULL)
                WHEN 'apply_refund' THEN apply_refund(NULL, given.object, given.state, given.as_of, NULL)
                WHEN 'apply_dispute' THEN apply_dispute(NULL, given.object, given.state, given.as_of, NULL)
            END;
            IF word IS NULL THEN
                RAISE invalid_parameter_value USING MESSAGE = 'there is no such function';
            END IF;
        END IF;
        IF given.event IS NOT NULL AND word NOT IN ('tie', 'duplicate') THEN
            known := known || (given.event ->> 'id');
            recorded := recorded + 1;
        END IF;
        words := words || word;
    END LOOP;
    IF recorded > 0 THEN
        INSERT INTO stripe_webhook_events AS stands (
            id, type, api_version, livemode, created, object_id, digest, outcome, received_at, ended_at, attempts
        )
        SELECT event.id, event.type, event.api_version, event.livemode, event.created, event.object_id, event.digest,
            CASE words[one.place] WHEN 'unchanged' THEN 'applied' ELSE words[one.place] END,
            coalesce(event.received_at, now()), now(), coalesce(event.attempts, 1)
        FROM jsonb_array_elements(told) WITH ORDINALITY AS one (value, place),
            jsonb_populate_record(NULL::stripe_webhook_events, nullif(one.value -> 'event', 'null')) AS event
        WHERE event.id IS NOT NULL AND words[one.place] NOT IN ('tie', 'duplicate')
        ORDER BY event.id
        ON CONFLICT (id) DO UPDATE SET
            type = excluded.type, api_version = excluded.api_version, livemode = excluded.livemode,
            created = excluded.created, object_id = excluded.object_id, digest = excluded.digest,
            outcome = excluded.outcome, reason = NULL, ended_at = excluded.ended_at,
            attempts = greatest(stands.attempts, excluded.attempts), payload = NULL
        WHERE stands.outcome IN ('failed', 'quarantined');
        GET DIAGNOSTICS written = ROW_COUNT;
        IF written <> recorded THEN
            RAISE unique_violation USING MESSAGE = 'an event of the batch ended meanwhile';
        END IF;
    END IF;
    RETURN array_to_string(words, ' ');
END
$$;

GRANT EXECUTE ON FUNCTION apply_new_invoices TO billing_worker;
