"""Stripe's tax rates: what a tax on an invoice is called, and how many per cent it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal


@dataclass(frozen=True, slots=True)
class TaxRate:
    """A tax rate of the seller. How many per cent one is never changes: another rate is another object.

    `percentage` is 19 for 19 %, the one that taxes are reckoned with, and None for a fixed amount;
    `country` is ISO 3166-1 alpha-2; `tax_type` is Stripe's, such as vat.
    """

    id: str
    livemode: bool
    created: datetime
    active: bool
    display_name: str
    description: str | None
    percentage: Decimal | None
    inclusive: bool
    country: str | None
    state: str | None
    jurisdiction: str | None
    tax_type: str | None
