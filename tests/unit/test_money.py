from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.money import Money, exponent

amounts = st.integers(-(10**15), 10**15)
currencies = st.sampled_from(["usd", "eur", "jpy", "kwd", "isk", "ugx", "huf", "twd"])


@pytest.mark.parametrize("amount", [1.0, True, Decimal(1), "1"])
def test_money_refuses_everything_but_integers(amount: object) -> None:
    """Given an amount that is no int, when money is made of it, then it is refused."""
    with pytest.raises(TypeError, match="integer minor units"):
        Money(amount, "usd")  # type: ignore[arg-type]


@pytest.mark.parametrize("currency", ["USD", "us", "usdx", "us1", "", "éur"])
def test_money_refuses_a_currency_that_is_not_a_lower_case_iso_code(currency: str) -> None:
    """Given a malformed currency, when money is made of it, then it is refused."""
    with pytest.raises(ValueError, match="three lower-case letters"):
        Money(1, currency)


@pytest.mark.parametrize(
    ("currency", "digits"),
    [("jpy", 0), ("usd", 2), ("kwd", 3), ("isk", 2), ("ugx", 2), ("huf", 2), ("twd", 2)],
)
def test_the_minor_unit_is_stripes(currency: str, digits: int) -> None:
    """Given a currency, when its minor unit is asked for, then it is what Stripe's API counts in."""
    assert exponent(currency) == digits


@given(a=amounts, b=amounts, currency=currencies)
def test_adding_and_taking_away_lose_nothing(a: int, b: int, currency: str) -> None:
    """Given two amounts of one currency, when one is added and taken away, then the first is back."""
    first, second = Money(a, currency), Money(b, currency)
    assert first + second - second == first
    assert first + -first == Money(0, currency)


@given(a=amounts, b=amounts)
def test_two_currencies_never_mix(a: int, b: int) -> None:
    """Given amounts of two currencies, when they are added or subtracted, then it is refused."""
    with pytest.raises(ValueError, match="cannot mix"):
        Money(a, "usd") + Money(b, "eur")
    with pytest.raises(ValueError, match="cannot mix"):
        Money(a, "usd") - Money(b, "eur")


@given(amount=amounts, currency=currencies)
def test_the_decimal_amount_is_exact(amount: int, currency: str) -> None:
    """Given any amount, when it is told in major units, then no digit is lost."""
    assert Money(amount, currency).decimal * 10 ** exponent(currency) == amount
