"""Customers in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from billing.adapters.postgres.codec import address_from_json, address_to_json, utc
from billing.adapters.postgres.mirror_sql import Write
from billing.domain.customers import Customer

if TYPE_CHECKING:
    from collections.abc import Mapping

_PERSONAL = ("name", "email", "phone", "description", "address")
_COLUMNS = (
    *_PERSONAL,
    "created",
    "currency",
    "balance",
    "delinquent",
    "tax_exempt",
    "preferred_locales",
)

SELECT_ONE = """
SELECT id, livemode, created, name, email, phone, description, currency, balance, delinquent, tax_exempt,
    address, preferred_locales
FROM customers
WHERE id = %(id)s AND deleted_at IS NULL"""


def write_customer(customer: Customer) -> Write:
    """Return how a customer's state is written."""
    address = address_to_json(customer.address)
    return Write(
        table="customers",
        columns=_COLUMNS,
        parameters={
            "id": customer.id,
            "livemode": customer.livemode,
            "created": customer.created,
            "name": customer.name,
            "email": customer.email,
            "phone": customer.phone,
            "description": customer.description,
            "currency": customer.currency,
            "balance": customer.balance,
            "delinquent": customer.delinquent,
            "tax_exempt": customer.tax_exempt,
            "address": None if address is None else Jsonb(address),
            "preferred_locales": list(customer.preferred_locales),
        },
    )


def delete_customer() -> Write:
    """Return how a customer's deletion is written: what is personal goes, as it went at Stripe."""
    return Write(
        table="customers",
        columns=("deleted_at", *_PERSONAL),
        parameters=dict.fromkeys(_PERSONAL),
    )


def read_customer(row: Mapping[str, Any]) -> Customer:
    """Return the customer of a row of SELECT_ONE."""
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
