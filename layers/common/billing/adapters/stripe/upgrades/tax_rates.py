"""Tax rates of older API versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.adapters.stripe.upgrades.members import with_absent

if TYPE_CHECKING:
    from billing.adapters.stripe.upgrades.members import Members


def tax_rate_in_2021(rate: Members) -> Members:
    """Give a rate from before there were countries, states and types of tax none of them."""
    return with_absent(
        rate, country=None, state=None, tax_type=None, rate_type=None, effective_percentage=None
    )
