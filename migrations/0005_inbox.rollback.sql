DROP TABLE stripe_webhook_events;
