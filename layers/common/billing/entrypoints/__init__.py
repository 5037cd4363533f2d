"""How the outside reaches the use cases: HTTP endpoints, webhooks, queues, observability."""
