# ruff: noqa: RUF001 - dashes and fullwidth signs are how CLDR writes spans and the yen
"""Money, dates, numbers, addresses and words as each language writes them."""

from __future__ import annotations

import re
from copy import copy
from dataclasses import astuple
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, localcontext
from typing import TYPE_CHECKING

import pytest
from babel import Locale
from babel.numbers import format_decimal
from hypothesis import given
from hypothesis import strategies as st

from billing.adapters.pdf.formats import Formats, paper
from billing.adapters.pdf.labels import LABELS
from billing.domain.documents import LOCALES
from billing.domain.money import Money, exponent
from billing.domain.parties import Address
from billing.domain.periods import Period
from tests.support.invoices import NOVEMBER

if TYPE_CHECKING:
    from billing.adapters.pdf.labels import Labels

locales = st.sampled_from(LOCALES)
currencies = st.sampled_from(
    ("usd", "eur", "gbp", "jpy", "krw", "kwd", "tnd", "huf", "twd", "rsd", "lbp", "chf")
)


def plain(text: str) -> str:
    return re.sub("[\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}]", " ", text)


@pytest.mark.parametrize(
    ("locale", "amount", "currency", "written"),
    [
        ("en", -123456789, "usd", "-$1,234,567.89"),
        ("de", -123456789, "eur", "-1.234.567,89 €"),
        ("fr", 123456789, "eur", "1 234 567,89 €"),
        ("es", 123456789, "eur", "1.234.567,89 €"),
        ("ja", 33000, "jpy", "￥33,000"),
        ("en", 33000, "jpy", "¥33,000"),
        ("de", 1234567, "kwd", "1.234,567 KWD"),
        ("en", 5, "huf", "HUF0.05"),
    ],
)
def test_money_is_written_as_the_language_does(locale: str, amount: int, currency: str, written: str) -> None:
    """Given amounts of 0, 2 and 3 decimals, when written, then separators, sign and symbol are CLDR's."""
    assert plain(Formats(locale).money(Money(amount, currency))) == written


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [
        (123400, "isk", "1.234 ISK"),
        (-500, "ugx", "-5 UGX"),
        (1050, "ugx", "10,50 UGX"),
        (0, "isk", "0 ISK"),
    ],
)
def test_hundredths_that_nobody_uses_are_not_shown_unless_they_count(
    amount: int, currency: str, written: str
) -> None:
    """Given ISK and UGX, when written, then whole amounts are whole, and no hundredth is lost."""
    assert plain(Formats("de").money(Money(amount, currency))) == written


@given(locales, currencies, st.integers(-(2**63), 2**63 - 1), st.booleans())
def test_numbers_are_written_as_babel_writes_them(
    locale: str, currency: str, amount: int, exact: bool
) -> None:
    """Given any amount, price or quantity, when written, then it is what Babel would write."""
    babel, formats = Locale.parse(locale), Formats(locale)
    pattern = copy(babel.currency_formats["standard"])
    pattern.frac_prec = (exponent(currency),) * 2
    with localcontext(prec=60):
        value = Decimal(amount).scaleb(-12)
        quantity = format_decimal(value, locale=locale, decimal_quantization=False)
        price = value if exact else Money(amount, currency).decimal
        written = pattern.apply(
            price, babel, currency=currency.upper(), currency_digits=False, decimal_quantization=not exact
        )
        minor = value.scaleb(exponent(currency))
    assert formats.number(value) == quantity
    assert written == (
        formats.unit_price(minor, currency) if exact else formats.money(Money(amount, currency))
    )


@given(locales, currencies, st.integers(-(2**63), 2**63 - 1))
def test_no_digit_of_an_amount_is_lost(locale: str, currency: str, amount: int) -> None:
    """Given any amount, when written, then its digits are those of the minor units, with its sign."""
    written = Formats(locale).money(Money(amount, currency))
    digits = exponent(currency)
    assert int(re.sub(r"\D", "", written)) == abs(amount)
    assert ("-" in written) == (amount < 0)
    assert re.search(rf"(^|\D)\d{{{digits}}}\D*$", written) if digits else True


@given(locales, st.decimals(min_value=0, max_value=10**19, places=12))
def test_a_unit_price_has_every_digit(locale: str, price: Decimal) -> None:
    """Given a price of up to 12 decimals of a cent, when written, then it can be read back exactly."""
    written = Formats(locale).unit_price(price, "usd")
    whole, fraction = re.fullmatch(r"(.*\d)[.,](\d+)\D*", written).groups()  # type: ignore[union-attr]
    assert Decimal(f"{re.sub(r'\D', '', whole)}.{fraction}").scaleb(2, Context(prec=60)) == price
    assert len(fraction) >= 2


@given(locales, st.decimals(min_value=0, max_value=10**19, places=12))
def test_a_quantity_has_every_digit(locale: str, quantity: Decimal) -> None:
    """Given a quantity of up to 12 decimals, when written, then it can be read back exactly."""
    written = Formats(locale).number(quantity)
    decimal_mark = "." if locale in ("en", "ja") else ","
    whole, _, fraction = written.partition(decimal_mark)
    assert Decimal(f"{re.sub(r'\D', '', whole)}.{fraction or '0'}") == quantity


@pytest.mark.parametrize(
    ("locale", "day", "span"),
    [
        ("en", "November 1, 2025", "Nov 1 – 30, 2025"),
        ("de", "1. November 2025", "1.–30. Nov. 2025"),
        ("fr", "1 novembre 2025", "1–30 nov. 2025"),
        ("es", "1 de noviembre de 2025", "1–30 nov 2025"),
        ("ja", "2025年11月1日", "2025年11月1日～30日"),
    ],
)
def test_days_are_in_words_and_a_period_ends_on_its_last_day(locale: str, day: str, span: str) -> None:
    """Given November, half-open, when written, then it ends on the 30th, not on the 1st of December."""
    formats = Formats(locale)
    assert plain(formats.day(NOVEMBER.start)) == day
    assert plain(formats.span(NOVEMBER)) == span


def test_a_period_that_ends_within_a_day_touches_that_day() -> None:
    """Given a month from 9 o'clock to 9 o'clock, when written, then both days are named."""
    nine = timedelta(hours=9)
    month = Period(NOVEMBER.start + nine, NOVEMBER.end + nine)
    assert plain(Formats("en").span(month)) == "Nov 1 – Dec 1, 2025"
    moment = datetime(2025, 11, 1, tzinfo=UTC)
    assert Formats("en").span(Period(moment, moment)) == "Nov 1, 2025"


@pytest.mark.parametrize(
    ("address", "home", "lines"),
    [
        (
            Address("1 Main St", "Apt 2", "Springfield", "IL", "62701", "US"),
            None,
            ["1 Main St", "Apt 2", "Springfield, IL 62701", "Vereinigte Staaten"],
        ),
        (Address("Hauptstr. 1", None, "Berlin", None, "10115", "DE"), "DE", ["Hauptstr. 1", "10115 Berlin"]),
        (
            Address("Marunouchi 1", None, "Chiyoda", "Tokyo", "100-0005", "JP"),
            None,
            ["Marunouchi 1", "100-0005 Tokyo Chiyoda", "Japan"],
        ),
        (Address(country="XX"), None, ["XX"]),
        (Address(state="Bayern"), None, ["Bayern"]),
        (Address(), None, []),
    ],
)
def test_an_address_has_the_lines_of_its_country(
    address: Address, home: str | None, lines: list[str]
) -> None:
    """Given addresses, when written, then the code stands where its country puts it, and nothing is empty."""
    assert Formats("de").address(address, home=home) == lines


@pytest.mark.parametrize(
    ("countries", "size"),
    [
        (("US",), "letter"),
        (("ca",), "letter"),
        (("DE", "US"), "a4"),
        ((None, "US"), "letter"),
        ((None, None), "a4"),
    ],
)
def test_the_paper_is_that_of_the_first_known_country(countries: tuple[str | None, ...], size: str) -> None:
    """Given the buyer's and the seller's country, when paper is chosen, then the buyer's decides."""
    assert paper(*countries) == size


def test_every_language_has_every_word() -> None:
    """Given the catalogue, when it is read, then no language lacks a word or a placeholder of English."""
    assert tuple(LABELS) == LOCALES
    english = words(LABELS["en"])
    for labels in LABELS.values():
        assert all(word.strip() for word in words(labels))
        assert [placeholders(word) for word in words(labels)] == [placeholders(word) for word in english]


def words(labels: Labels) -> list[str]:
    *single, statuses = astuple(labels)
    return [*single, *statuses]


def placeholders(word: str) -> set[str]:
    return set(re.findall(r"{\w+}", word))
