-- Whose discount it is, where that is neither a customer nor a subscription: a backfill takes for gone what no customer
-- and no subscription shows, and must leave alone what is told elsewhere. Rows from before say neither; the next
-- state of each does.

ALTER TABLE discounts ADD COLUMN checkout_session text, ADD COLUMN subscription_item text COLLATE "C";
COMMENT ON COLUMN discounts.checkout_session IS
    'The Checkout session in payment mode that the discount was put on; no customer shows such a one.';

SELECT define_apply_function('apply_discount', 'discounts');
