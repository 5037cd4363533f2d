"""Money, dates, numbers and addresses as people of a language write them, by CLDR (Babel)."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from datetime import timedelta
from decimal import localcontext
from functools import cached_property
from typing import TYPE_CHECKING

from babel import Locale
from babel.dates import format_date, format_interval
from babel.numbers import format_percent, get_decimal_symbol, get_group_symbol

from billing.domain.money import exponent

if TYPE_CHECKING:
    from datetime import date, datetime
    from decimal import Decimal

    from billing.domain.money import Money
    from billing.domain.parties import Address
    from billing.domain.periods import Period

type Affixes = tuple[tuple[str, str], tuple[str, str]]

# Stripe counts these in hundredths that nobody uses (billing.domain.money).
_SHOWN_WHOLE = frozenset(("isk", "ugx"))

# Babel quantises in the current decimal context, whose 28 digits are fewer than 64 bits and 12 decimals.
_DIGITS = 60

# CLDR, territories whose paper size is US-Letter.
_LETTER = frozenset(["BZ", "CA", "CL", "CO", "CR", "GT", "MX", "NI", "PA", "PH", "PR", "SV", "US", "VE"])

# Where the postal code stands behind the city; elsewhere in front of it.
_CODE_LAST = frozenset(["AU", "BR", "CA", "GB", "HK", "IE", "IN", "NZ", "SG", "TH", "TW", "US", "ZA"])


@dataclass(frozen=True)
class Formats:
    """Writes values in one language of billing.domain.documents.LOCALES."""

    language: str

    @cached_property
    def _locale(self) -> Locale:
        return Locale.parse(self.language)

    def money(self, money: Money) -> str:
        """Return the exact amount with its symbol, such as -1.234,50 €.

        Digits are Stripe's, not CLDR's: CLDR rounds the hundredths of some currencies away (RSD,
        LBP), and an invoice must show what is charged.
        """
        return self._amount(money.decimal, money.currency, exact=False)

    def unit_price(self, minor_units: Decimal, currency: str) -> str:
        """Return a price of up to 12 decimals of the minor unit, with every digit that it has."""
        with localcontext(prec=_DIGITS):
            return self._amount(minor_units.scaleb(-exponent(currency)), currency, exact=True)

    def number(self, value: Decimal) -> str:
        """Return a quantity with every digit that it has."""
        return self._signed(value, self._affixes(None), 0, exact=True)

    def percent(self, value: Decimal) -> str:
        """Return a percentage such as 19 as 19 %, with every digit that it has."""
        with localcontext(prec=_DIGITS):
            return format_percent(value.scaleb(-2), locale=self._locale, decimal_quantization=False)

    def day(self, moment: datetime) -> str:
        """Return the UTC day in words, such as November 22, 2025."""
        return format_date(moment.date(), format="long", locale=self._locale)

    def span(self, period: Period) -> str:
        """Return the first and the last UTC day that a half-open period touches."""
        last = max(period.start, period.end - timedelta(microseconds=1))
        days = period.start.date(), last.date()
        if days not in self._spans:
            self._spans[days] = format_interval(*days, "yMMMd", locale=self._locale)
        return self._spans[days]

    def address(self, address: Address, *, home: str | None) -> list[str]:
        """Return the lines of an address; its country is named unless it is `home`."""
        code, city, country = address.postal_code, address.city, address.country
        if country == "JP":
            place = [code, " ".join(part for part in (address.state, city) if part)]
        elif country in _CODE_LAST:
            place = [", ".join(part for part in (city, address.state) if part), code]
        else:
            place = [code, city, f"({address.state})" if address.state and city else address.state]
        lines = [address.line1, address.line2, " ".join(part for part in place if part)]
        if country and country != home:
            lines.append(self._locale.territories.get(country.upper(), country))
        return [line for line in lines if line]

    def _amount(self, value: Decimal, currency: str, *, exact: bool) -> str:
        digits = exponent(currency)
        if currency in _SHOWN_WHOLE and value == value.to_integral_value():
            digits = 0
        return self._signed(value, self._affixes(currency), digits, exact=exact)

    def _signed(self, value: Decimal, affixes: Affixes, digits: int, *, exact: bool) -> str:
        """Return what Babel's NumberPattern.apply does in five times as long: tests compare the two."""
        if exact:
            with localcontext(prec=_DIGITS):
                digits = max(digits, -int(value.normalize().as_tuple().exponent))
        before, after = affixes[value.is_signed()]
        return f"{before}{format(value.copy_abs(), f',.{digits}f').translate(self._symbols)}{after}"

    def _affixes(self, currency: str | None) -> Affixes:
        """Return what stands before and after a number of nothing and more, and of less."""
        if currency not in self._affixes_of:
            pattern = copy(self._locale.currency_formats["standard"])
            if currency is None:
                pattern = copy(self._locale.decimal_formats[None])
            pattern.frac_prec = (0, 0)
            written = (
                pattern.apply(
                    one, self._locale, currency=currency and currency.upper(), currency_digits=False
                )
                for one in (1, -1)
            )
            (plus, _, plus_after), (minus, _, minus_after) = (text.partition("1") for text in written)
            self._affixes_of[currency] = (plus, plus_after), (minus, minus_after)
        return self._affixes_of[currency]

    @cached_property
    def _symbols(self) -> dict[int, str]:
        return {ord(","): get_group_symbol(self._locale), ord("."): get_decimal_symbol(self._locale)}

    @cached_property
    def _affixes_of(self) -> dict[str | None, Affixes]:
        return {}

    @cached_property
    def _spans(self) -> dict[tuple[date, date], str]:
        return {}


def paper(*countries: str | None) -> str:
    """Return the paper of the first country that is known: a4, or letter as in the USA."""
    return next(("letter" if country.upper() in _LETTER else "a4" for country in countries if country), "a4")
