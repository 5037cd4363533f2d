"""Metered prices and items for tests."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import strategies as st

from billing.domain.catalogue import PriceTier
from billing.domain.periods import Period
from billing.domain.usage_plans import MeteredItem, MeteredPrice

MARCH = Period(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))

FREE_THOUSAND = (PriceTier(1_000, Decimal(0), None), PriceTier(None, Decimal("0.5"), None))
"""The first thousand are included, every further one is half a minor unit."""


def metered_price(
    tiers: tuple[PriceTier, ...] = (),
    *,
    mode: str | None = None,
    unit_amount: Decimal | None = None,
    every: tuple[int, str] = (1, "month"),
    packages: tuple[int, str] | None = None,
) -> MeteredPrice:
    """Return a price in US dollars; `tiers` are graduated unless `mode` says otherwise."""
    return MeteredPrice(
        id="price_calls",
        currency="usd",
        billing_scheme="tiered" if tiers else "per_unit",
        unit_amount=unit_amount,
        tiers_mode=(mode or "graduated") if tiers else None,
        tiers=tiers,
        interval=every[1],
        interval_count=every[0],
        transform_divide_by=packages[0] if packages else None,
        transform_round=packages[1] if packages else None,
    )


def metered_item(
    price: MeteredPrice | None = None, period: Period = MARCH, anchor: datetime | None = None
) -> MeteredItem:
    """Return an item of an active subscription; the anchor is the period's start unless told."""
    return MeteredItem(
        subscription="sub_calls",
        status="active",
        item="si_calls",
        price=price or metered_price(FREE_THOUSAND),
        current_period=period,
        anchor=anchor or period.start,
    )


quantities = st.decimals(min_value=0, max_value=10**15, places=6, allow_nan=False, allow_infinity=False)

_amounts = st.none() | st.decimals(min_value=0, max_value=10**6, places=4, allow_nan=False)


@st.composite
def tier_lists(draw: st.DrawFn) -> tuple[PriceTier, ...]:
    """Draw tiers as Stripe takes them: rising, the last one without an end."""
    tops: list[int | None] = [*sorted(draw(st.sets(st.integers(1, 10_000), max_size=4))), None]
    return tuple(PriceTier(top, draw(_amounts), draw(_amounts)) for top in tops)
