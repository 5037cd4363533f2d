from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.catalogue import PriceTier
from billing.domain.money import Money
from billing.domain.usage import Aggregation
from billing.domain.usage_pricing import cost, graduated_split, included, overage_price, projected_use
from tests.support.metered import FREE_THOUSAND, MARCH, metered_price, quantities, tier_lists


def _rounded(amount: Fraction) -> int:
    """Half a unit up, told by whole numbers only."""
    return (2 * amount.numerator + amount.denominator) // (2 * amount.denominator)


def _model(tiers: tuple[PriceTier, ...], quantity: Fraction, mode: str) -> int:
    """Return what the tiers cost, told another way: by what lies above each tier's start."""
    starts = [0, *[tier.up_to for tier in tiers if tier.up_to is not None]]
    total = 0
    for start, tier in zip(starts, tiers, strict=True):
        top = None if tier.up_to is None else Fraction(tier.up_to)
        unit, flat = Fraction(tier.unit_amount or 0), Fraction(tier.flat_amount or 0)
        reached = quantity > start or start == 0
        if mode == "volume":
            if reached and (top is None or quantity <= top):
                return _rounded(quantity * unit) + _rounded(flat)
        elif reached:
            within = (quantity if top is None else min(quantity, top)) - start
            total += _rounded(within * unit) + _rounded(flat)
    return total


@given(tiers=tier_lists(), quantity=quantities | st.integers(0, 10_001).map(Decimal))
def test_tiers_cost_what_a_model_in_fractions_says(tiers: tuple[PriceTier, ...], quantity: Decimal) -> None:
    """Given any tiers and quantity, when they are priced, then the cost is the model's, to the minor unit."""
    for mode in ("graduated", "volume"):
        price = metered_price(tiers, mode=mode)
        assert cost(price, quantity) == Money(_model(tiers, Fraction(quantity), mode), "usd")


@given(tiers=tier_lists(), quantity=quantities)
def test_the_split_over_tiers_sums_to_the_quantity(tiers: tuple[PriceTier, ...], quantity: Decimal) -> None:
    """Given any tiers, when a quantity is split over them, then no tier overflows and the parts sum to it."""
    parts = list(graduated_split(tiers, quantity))
    assert sum(Fraction(part) for part, _ in parts) == Fraction(quantity)
    assert [tier for _, tier in parts] == list(tiers[: len(parts)])
    below = 0
    for part, tier in parts:
        assert part >= 0
        assert tier.up_to is None or part <= tier.up_to - below
        below = tier.up_to or below


@given(unit=st.decimals(min_value=0, max_value=10**6, places=12), quantity=quantities)
def test_a_unit_price_is_rounded_once_half_up(unit: Decimal, quantity: Decimal) -> None:
    """Given a price by the unit, when a quantity is priced, then only the product is rounded."""
    assert cost(metered_price(unit_amount=unit), quantity).amount == _rounded(
        Fraction(unit) * Fraction(quantity)
    )


@given(quantity=quantities, size=st.integers(1, 10_000), rounding=st.sampled_from(["up", "down"]))
def test_packages_are_whole(quantity: Decimal, size: int, rounding: str) -> None:
    """Given a price by the package, when a quantity is priced, then begun packages count, or do not."""
    price = metered_price(unit_amount=Decimal(1), packages=(size, rounding))
    exact = Fraction(quantity) / size
    assert cost(price, quantity).amount == (-(-exact // 1) if rounding == "up" else exact // 1)


def test_stripes_own_example_of_rounding() -> None:
    """Given 0.05 cents a unit and 30 units, when they are priced, then 1.5 cents become 2, as Stripe says."""
    assert cost(metered_price(unit_amount=Decimal("0.05")), Decimal(30)) == Money(2, "usd")


def test_each_tier_is_rounded_for_itself() -> None:
    """Given two tiers of half a cent each, when both are reached, then each is a cent on the invoice."""
    tiers = (PriceTier(1, Decimal("0.5"), None), PriceTier(None, Decimal("0.5"), None))
    assert cost(metered_price(tiers), Decimal(2)) == Money(2, "usd")


def test_a_quantity_below_zero_costs_what_nothing_costs() -> None:
    """Given corrections beyond the usage, when they are priced, then the cost is not below zero."""
    assert cost(metered_price(unit_amount=Decimal(5)), Decimal(-3)) == Money(0, "usd")
    with_fee = metered_price((PriceTier(None, Decimal(1), Decimal(900)),))
    assert cost(with_fee, Decimal(-3)) == Money(900, "usd")


@pytest.mark.parametrize(
    ("tiers", "mode", "packages", "expected"),
    [
        (FREE_THOUSAND, "graduated", None, Decimal(1_000)),
        (FREE_THOUSAND, "volume", None, None),
        (FREE_THOUSAND, "graduated", (10, "up"), Decimal(10_000)),
        (
            (PriceTier(5, None, None), PriceTier(9, Decimal(0), Decimal(0)), FREE_THOUSAND[1]),
            "graduated",
            None,
            Decimal(9),
        ),
        ((PriceTier(5, Decimal(0), Decimal(100)), FREE_THOUSAND[1]), "graduated", None, None),
        ((PriceTier(None, Decimal(0), None),), "graduated", None, None),
        ((), None, None, None),
    ],
)
def test_the_free_first_tiers_are_included(
    tiers: tuple[PriceTier, ...], mode: str | None, packages: tuple[int, str] | None, expected: Decimal | None
) -> None:
    """Given tiers, when what is included is asked for, then it is the free ones in front of a paid one."""
    assert included(metered_price(tiers, mode=mode, packages=packages)) == expected


@given(tiers=tier_lists())
def test_what_is_included_costs_nothing(tiers: tuple[PriceTier, ...]) -> None:
    """Given any graduated tiers, when exactly the included quantity is used, then it costs nothing."""
    limit = included(metered_price(tiers))
    if limit is not None:
        assert cost(metered_price(tiers), limit).amount == 0


def test_the_overage_price_is_that_of_the_next_unit() -> None:
    """Given tiers, when the price of one more is asked for, then it is that beyond the included ones."""
    tiers = (*FREE_THOUSAND[:1], PriceTier(2_000, Decimal(3), None), PriceTier(None, Decimal(2), None))
    price = metered_price(tiers)
    assert [overage_price(price, Decimal(used)) for used in (0, 1_999, 2_000)] == [3, 3, 2]
    assert overage_price(metered_price(unit_amount=Decimal("0.25")), Decimal(7)) == Decimal("0.25")


@pytest.mark.parametrize(
    ("aggregation", "used", "elapsed", "expected"),
    [
        (Aggregation.SUM, "1500", timedelta(days=15, hours=12), "3000.000"),
        (Aggregation.SUM, "0.5", timedelta(days=10), "1.5500"),
        (Aggregation.COUNT, "100", timedelta(days=7), "443"),
        (Aggregation.COUNT, "10", timedelta(minutes=1), "310"),
        (Aggregation.MAX, "80", timedelta(days=1), "80"),
        (Aggregation.LAST, "80", timedelta(days=1), "80"),
        (Aggregation.UNIQUE_COUNT, "80", timedelta(days=1), "80"),
        (Aggregation.SUM, "80", timedelta(days=31), "80"),
        (Aggregation.SUM, "80", timedelta(days=-1), "2480.000"),
        (Aggregation.SUM, "-4", timedelta(days=15, hours=12), "-8.000"),
    ],
)
def test_what_adds_up_goes_on_at_its_rate_and_the_rest_stands(
    aggregation: Aggregation, used: str, elapsed: timedelta, expected: str
) -> None:
    """Given usage within March, when it is projected to the end, then by its rate since a day at least."""
    projected = projected_use(aggregation, Decimal(used), MARCH, MARCH.start + elapsed)
    assert str(projected) == expected


def test_no_price_makes_a_quantity_of_many_digits_inexact() -> None:
    """Given a sum of more digits than decimals have by default, when it is priced, then to the minor unit."""
    quantity = Decimal(10**24) + Decimal("0.000000000001")
    assert cost(metered_price(unit_amount=Decimal(1)), quantity).amount == 10**24
    assert cost(metered_price((PriceTier(None, Decimal(1), None),)), quantity).amount == 10**24


def test_the_last_unit_of_a_tier_belongs_to_it() -> None:
    """Given exactly as many units as a tier has, when they are priced, then the next tier is not reached."""
    tiers = (PriceTier(100, Decimal(10), None), PriceTier(None, Decimal(1), Decimal(7)))
    volume, graduated = metered_price(tiers, mode="volume"), metered_price(tiers)
    assert cost(volume, Decimal(100)).amount == cost(graduated, Decimal(100)).amount == 1_000
    assert cost(volume, Decimal("100.4")).amount == 100 + 7
    assert cost(graduated, Decimal("100.4")).amount == 1_000 + 0 + 7
