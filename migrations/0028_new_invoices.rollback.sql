CREATE OR REPLACE FUNCTION apply_together(told jsonb) RETURNS text LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    given record;
    known text[];
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
    FOR given IN
        SELECT *
        FROM jsonb_to_recordset(told) AS one (function text, event jsonb, object text, state jsonb, as_of timestamptz)
    LOOP
        IF given.event ->> 'id' = ANY (known) THEN
            word := 'duplicate';
        ELSE
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
            IF given.event IS NOT NULL AND word <> 'tie' THEN
                known := known || (given.event ->> 'id');
                recorded := recorded + 1;
            END IF;
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

DROP FUNCTION apply_new_invoices;
