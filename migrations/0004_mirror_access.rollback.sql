REVOKE ALL ON customers, subscriptions, subscription_items, invoices, invoice_line_items
    FROM billing_api, billing_worker;

DROP POLICY customer_reads_own ON customers;
DROP POLICY customer_reads_own ON subscriptions;
DROP POLICY customer_reads_own ON subscription_items;
DROP POLICY customer_reads_own ON invoices;
DROP POLICY customer_reads_own ON invoice_line_items;

DROP POLICY worker_mirrors ON customers;
DROP POLICY worker_mirrors ON subscriptions;
DROP POLICY worker_mirrors ON subscription_items;
DROP POLICY worker_mirrors ON invoices;
DROP POLICY worker_mirrors ON invoice_line_items;

DROP POLICY owner_operates ON customers;
DROP POLICY owner_operates ON subscriptions;
DROP POLICY owner_operates ON subscription_items;
DROP POLICY owner_operates ON invoices;
DROP POLICY owner_operates ON invoice_line_items;

ALTER TABLE customers NO FORCE ROW LEVEL SECURITY;
ALTER TABLE customers DISABLE ROW LEVEL SECURITY;
ALTER TABLE subscriptions NO FORCE ROW LEVEL SECURITY;
ALTER TABLE subscriptions DISABLE ROW LEVEL SECURITY;
ALTER TABLE subscription_items NO FORCE ROW LEVEL SECURITY;
ALTER TABLE subscription_items DISABLE ROW LEVEL SECURITY;
ALTER TABLE invoices NO FORCE ROW LEVEL SECURITY;
ALTER TABLE invoices DISABLE ROW LEVEL SECURITY;
ALTER TABLE invoice_line_items NO FORCE ROW LEVEL SECURITY;
ALTER TABLE invoice_line_items DISABLE ROW LEVEL SECURITY;
