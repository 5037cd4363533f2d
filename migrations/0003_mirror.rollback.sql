DROP TABLE invoice_line_items;
DROP TABLE invoices;
DROP TABLE subscription_items;
DROP TABLE subscriptions;
DROP TABLE customers;
