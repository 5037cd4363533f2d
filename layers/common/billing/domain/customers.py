"""The mirror's view of a Stripe customer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from billing.domain.parties import Address


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer as Stripe last told it; `balance` is in minor units of `currency` (negative is credit)."""

    id: str
    livemode: bool
    created: datetime
    name: str | None
    email: str | None
    phone: str | None
    description: str | None
    currency: str | None
    balance: int
    delinquent: bool
    tax_exempt: str
    address: Address | None
    preferred_locales: tuple[str, ...]
