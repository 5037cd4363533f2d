"""Who may sign in to the local cloud: an admin and three customers, and the customer's API key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg

from local.secrets import api_key_hash

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class DemoUser:
    """A user of the demo; `name` is the one in endpoints.json, and the subject at the local issuer."""

    name: str
    title: str
    role: str
    locale: str
    timezone: str


DEMO_USERS = (
    DemoUser("admin", "Admin, runs the billing system", "admin", "en", "UTC"),
    DemoUser("customer", "Customer, United States, US dollars", "customer", "en-US", "America/New_York"),
    DemoUser("other_customer", "Other customer, Germany, euros", "customer", "de-DE", "Europe/Berlin"),
    DemoUser("third_customer", "Third customer, Japan, yen", "customer", "ja-JP", "Asia/Tokyo"),
)

_PUT_USER = """
    INSERT INTO users (issuer, subject, role, stripe_customer_id, locale, timezone)
    VALUES (%(issuer)s, %(subject)s, %(role)s, %(customer)s, %(locale)s, %(timezone)s)
    ON CONFLICT (issuer, subject) DO UPDATE SET
        role = EXCLUDED.role, stripe_customer_id = EXCLUDED.stripe_customer_id,
        locale = EXCLUDED.locale, timezone = EXCLUDED.timezone, disabled_at = NULL
    RETURNING id
"""
_PUT_KEY = """
    INSERT INTO api_keys (user_id, digest, prefix, last4) VALUES (%s, %s, %s, %s)
    ON CONFLICT (digest) DO UPDATE SET user_id = EXCLUDED.user_id, revoked_at = NULL
"""


def write_demo_users(dsn: str, issuer: str, customers: Mapping[str, str], api_key: str) -> None:
    """Write the users and the customer's API key, again and again with the same end.

    `customers` maps a user's name to the Stripe customer; `dsn` is the owner's. Users of an issuer that
    the local cloud had under another port are left behind without harm: nobody signs their tokens.
    """
    with psycopg.connect(dsn) as connection:
        for user in DEMO_USERS:
            values = {
                "issuer": issuer,
                "subject": user.name,
                "role": user.role,
                "customer": customers.get(user.name),
                "locale": user.locale,
                "timezone": user.timezone,
            }
            row = connection.execute(_PUT_USER, values).fetchone()
            if user.name == "customer" and row is not None:
                connection.execute(_PUT_KEY, (row[0], api_key_hash(api_key), api_key[:7], api_key[-4:]))
