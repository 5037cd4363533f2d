"""Customers of the API versions from 2025-03-31.basil on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.domain.customers import Customer
from billing.domain.parties import Address

if TYPE_CHECKING:
    from billing.adapters.stripe.reading import Node


def read_customer(customer: Node) -> Customer:
    """Return the snapshot.

    Raises
    ------
    UnreadableError
        A member is missing or not what it should be.
    """
    customer.expect("object", "customer")
    return Customer(
        id=customer.text("id"),
        livemode=customer.flag("livemode"),
        created=customer.instant("created"),
        name=customer.optional_text("name"),
        email=customer.optional_text("email"),
        phone=customer.optional_text("phone"),
        description=customer.optional_text("description"),
        currency=customer.optional_text("currency"),
        balance=customer.integer("balance"),
        # Stripe's schema lets both be null: never charged is not delinquent, nothing set is no exemption.
        delinquent=customer.optional_flag("delinquent") or False,
        tax_exempt=customer.optional_text("tax_exempt") or "none",
        address=read_address(customer, "address"),
        preferred_locales=customer.texts("preferred_locales"),
    )


def read_address(owner: Node, name: str) -> Address | None:
    """Return the address under this name, None for null.

    Raises
    ------
    UnreadableError
        A member is missing or not what it should be.
    """
    address = owner.optional_node(name)
    if address is None:
        return None
    return Address(
        line1=address.optional_text("line1"),
        line2=address.optional_text("line2"),
        city=address.optional_text("city"),
        state=address.optional_text("state"),
        postal_code=address.optional_text("postal_code"),
        country=address.optional_text("country"),
    )
