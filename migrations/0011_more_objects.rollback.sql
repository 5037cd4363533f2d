DROP FUNCTION apply_product, apply_price, apply_coupon, apply_discount, apply_billing_meter,
    apply_subscription_schedule, apply_payment_intent, apply_charge, apply_payment_method, apply_refund,
    apply_dispute, define_apply_function;
DROP TABLE refunds;
DROP TABLE disputes;
DROP TABLE products;
DROP TABLE prices;
DROP TABLE coupons;
DROP TABLE discounts;
DROP TABLE billing_meters;
DROP TABLE subscription_schedules;
DROP TABLE payment_intents;
DROP TABLE charges;
DROP TABLE payment_methods;
