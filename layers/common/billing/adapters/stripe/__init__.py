"""Stripe: its signatures, its events, its API."""
