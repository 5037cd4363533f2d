ALTER TABLE discounts DROP COLUMN checkout_session, DROP COLUMN subscription_item;

SELECT define_apply_function('apply_discount', 'discounts');
