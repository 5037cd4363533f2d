"""Serverless billing in front of Stripe: domain, use cases, adapters, entrypoints."""

__version__ = "0.1.0"
