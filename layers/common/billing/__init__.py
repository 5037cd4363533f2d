"""Serverless billing in front of Stripe: domain, use cases, adapters, entrypoints."""
