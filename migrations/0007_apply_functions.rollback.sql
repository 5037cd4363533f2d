DROP FUNCTION apply_customer, apply_subscription, apply_invoice, apply_tax_rate, record_event, mirror_verdict;
-- The setting of billing_worker stays, as the role itself does: it is the cluster's, not this database's.
