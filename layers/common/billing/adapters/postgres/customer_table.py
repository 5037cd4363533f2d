"""Customers in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from billing.adapters.postgres.codec import address_from_json, address_to_json
from billing.adapters.postgres.instants import utc

if TYPE_CHECKING:
    from collections.abc import Mapping

    from billing.adapters.postgres.codec import Json
    from billing.domain.customers import Customer

_PERSONAL = ("name", "email", "phone", "description", "address")

SELECT_ONE = """
SELECT id, livemode, created, name, email, phone, description, currency, balance, delinquent, tax_exempt,
    address, preferred_locales
FROM customers
WHERE id = %(id)s AND deleted_at IS NULL"""


def customer_state(customer: Customer) -> Json:
    """Return the state that apply_customer writes."""
    return {
        "id": customer.id,
        "livemode": customer.livemode,
        "created": customer.created.isoformat(),
        "name": customer.name,
        "email": customer.email,
        "phone": customer.phone,
        "description": customer.description,
        "currency": customer.currency,
        "balance": customer.balance,
        "delinquent": customer.delinquent,
        "tax_exempt": customer.tax_exempt,
        "address": address_to_json(customer.address),
        "preferred_locales": customer.preferred_locales,
    }


def customer_deletion() -> Json:
    """Return what a deletion changes: what is personal goes, as it went at Stripe."""
    return dict.fromkeys(_PERSONAL)


def read_customer(row: Mapping[str, Any]) -> Customer:
    """Return the customer of a row of SELECT_ONE."""
    # Not at the top: invoices come with SELECT_ONE, and mostly say themselves whom they are for.
    from billing.domain.customers import Customer

    return Customer(
        id=row["id"],
        livemode=row["livemode"],
        created=utc(row["created"]),
        name=row["name"],
        email=row["email"],
        phone=row["phone"],
        description=row["description"],
        currency=row["currency"],
        balance=row["balance"],
        delinquent=row["delinquent"],
        tax_exempt=row["tax_exempt"],
        address=address_from_json(row["address"]),
        preferred_locales=tuple(row["preferred_locales"]),
    )
