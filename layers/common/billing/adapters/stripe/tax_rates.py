"""Tax rates of the API versions from 2025-03-31.basil on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.domain.tax_rates import TaxRate

if TYPE_CHECKING:
    from decimal import Decimal

    from billing.adapters.stripe.reading import Node


def read_tax_rate(rate: Node) -> TaxRate:
    """Return the snapshot.

    Raises
    ------
    UnreadableError
        A member is missing or not what it should be.
    """
    rate.expect("object", "tax_rate")
    return TaxRate(
        id=rate.text("id"),
        livemode=rate.flag("livemode"),
        created=rate.instant("created"),
        active=rate.flag("active"),
        display_name=rate.text("display_name"),
        description=rate.optional_text("description"),
        percentage=_percentage(rate),
        inclusive=rate.flag("inclusive"),
        country=rate.optional_text("country"),
        state=rate.optional_text("state"),
        jurisdiction=rate.optional_text("jurisdiction"),
        tax_type=rate.optional_text("tax_type"),
    )


def _percentage(rate: Node) -> Decimal | None:
    # With automatic tax, `percentage` counts jurisdictions in that did not tax; the effective one does not.
    if rate.optional_text("rate_type") == "flat_amount":
        return None
    effective = rate.optional_percentage("effective_percentage")
    return rate.percentage("percentage") if effective is None else effective
