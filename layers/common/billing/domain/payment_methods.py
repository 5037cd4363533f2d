"""The mirror's view of how customers pay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class PaymentMethod:
    """How a customer pays, by what recognises it and no more.

    `customer` is None once it is detached for ever; digits and expiry are then None too.
    """

    id: str
    livemode: bool
    created: datetime
    customer: str | None
    type: str
    brand: str | None
    last4: str | None
    exp_month: int | None
    exp_year: int | None
