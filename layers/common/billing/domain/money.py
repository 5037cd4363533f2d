"""Money in integer minor units, by Stripe's currency rules.

Source of the exponents: Stripe, "Supported currencies" (zero-decimal, three-decimal and special
cases). ISK and UGX have no minor unit in use, but Stripe's API still counts them in hundredths.
HUF and TWD are two-decimal in every amount except payouts.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

ZERO_DECIMAL = frozenset(
    ("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf")
)
THREE_DECIMAL = frozenset(("bhd", "jod", "kwd", "omr", "tnd"))

_CODE_LENGTH = 3


def exponent(currency: str) -> int:
    """Return how many decimal digits Stripe's minor unit of `currency` stands for: 0, 2 or 3."""
    if currency in ZERO_DECIMAL:
        return 0
    return 3 if currency in THREE_DECIMAL else 2


# Of the hundred amounts of an invoice each is of the same currency.
@lru_cache(256)
def _is_code(text: str) -> bool:
    return len(text) == _CODE_LENGTH and text.isascii() and text.isalpha() and text.islower()


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in integer minor units of a lower-case ISO 4217 currency.

    Raises
    ------
    TypeError
        The amount is not an int (a float or a bool is refused).
    ValueError
        The currency is not three lower-case letters.
    """

    amount: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.amount) is not int:
            raise TypeError(f"money is counted in integer minor units, not in {type(self.amount).__name__}")
        if not _is_code(self.currency):
            raise ValueError("a currency is three lower-case letters of ISO 4217")

    def __add__(self, other: Money) -> Money:
        return Money(self.amount + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.amount - self._same(other), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.amount, self.currency)

    @property
    def decimal(self) -> Decimal:
        """The amount in major units, exact: Money(1234, "usd").decimal == Decimal("12.34")."""
        return Decimal(self.amount).scaleb(-exponent(self.currency))

    def _same(self, other: Money) -> int:
        if other.currency != self.currency:
            raise ValueError(f"cannot mix {self.currency} and {other.currency}")
        return other.amount
