-- Row security of the mirror: a customer-facing query sees the rows of the customer that its transaction
-- names in billing.customer, and none when it names nobody. FORCE binds the owner too, who then sees
-- everything by a policy that says so.

ALTER TABLE customers ENABLE ROW LEVEL SECURITY;
ALTER TABLE customers FORCE ROW LEVEL SECURITY;
ALTER TABLE subscriptions ENABLE ROW LEVEL SECURITY;
ALTER TABLE subscriptions FORCE ROW LEVEL SECURITY;
ALTER TABLE subscription_items ENABLE ROW LEVEL SECURITY;
ALTER TABLE subscription_items FORCE ROW LEVEL SECURITY;
ALTER TABLE invoices ENABLE ROW LEVEL SECURITY;
ALTER TABLE invoices FORCE ROW LEVEL SECURITY;
ALTER TABLE invoice_line_items ENABLE ROW LEVEL SECURITY;
ALTER TABLE invoice_line_items FORCE ROW LEVEL SECURITY;

CREATE POLICY owner_operates ON customers TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY owner_operates ON subscriptions TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY owner_operates ON subscription_items TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY owner_operates ON invoices TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY owner_operates ON invoice_line_items TO CURRENT_USER USING (true) WITH CHECK (true);

CREATE POLICY worker_mirrors ON customers TO billing_worker USING (true) WITH CHECK (true);
CREATE POLICY worker_mirrors ON subscriptions TO billing_worker USING (true) WITH CHECK (true);
CREATE POLICY worker_mirrors ON subscription_items TO billing_worker USING (true) WITH CHECK (true);
CREATE POLICY worker_mirrors ON invoices TO billing_worker USING (true) WITH CHECK (true);
CREATE POLICY worker_mirrors ON invoice_line_items TO billing_worker USING (true) WITH CHECK (true);

-- A setting that was local to an earlier transaction reads as '' afterwards; no id is empty (see the checks).
CREATE POLICY customer_reads_own ON customers FOR SELECT TO billing_api
    USING (id = current_setting('billing.customer', true));
CREATE POLICY customer_reads_own ON subscriptions FOR SELECT TO billing_api
    USING (customer = current_setting('billing.customer', true));
CREATE POLICY customer_reads_own ON subscription_items FOR SELECT TO billing_api
    USING (customer = current_setting('billing.customer', true));
CREATE POLICY customer_reads_own ON invoices FOR SELECT TO billing_api
    USING (customer = current_setting('billing.customer', true));
CREATE POLICY customer_reads_own ON invoice_line_items FOR SELECT TO billing_api
    USING (customer = current_setting('billing.customer', true));

GRANT SELECT ON customers, subscriptions, subscription_items, invoices, invoice_line_items TO billing_api;
-- Head rows are never removed; what hangs on them is replaced.
GRANT SELECT, INSERT, UPDATE ON customers, subscriptions, invoices TO billing_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON subscription_items, invoice_line_items TO billing_worker;
