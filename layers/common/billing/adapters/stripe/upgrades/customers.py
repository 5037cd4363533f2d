"""Customers of older API versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.adapters.stripe.upgrades.members import renamed, with_absent

if TYPE_CHECKING:
    from billing.adapters.stripe.upgrades.members import Members


def customer_in_2019(customer: Members) -> Members:
    """Rename account_balance to balance.

    A payload from before customers had a name, an address and the like has none.
    """
    return with_absent(
        renamed(customer, balance="account_balance"),
        name=None,
        phone=None,
        address=None,
        tax_exempt=None,
        preferred_locales=[],
    )
