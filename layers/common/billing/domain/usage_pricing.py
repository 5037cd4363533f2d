"""What usage costs by its price, what of it is included, and what it will be at the period's end.

Sources: Stripe, "Recurring pricing models" for tiers, "Transform quantities", and "Decimal amounts for
pricing": every line of an invoice is rounded for itself, half a minor unit up, before the lines are summed.
Each tier is a line of the invoice, and so is its flat fee. All arithmetic is exact until then.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal
from typing import TYPE_CHECKING

from billing.domain.money import Money
from billing.domain.usage import DECIMAL_PLACES, Aggregation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from billing.domain.catalogue import PriceTier
    from billing.domain.periods import Period
    from billing.domain.usage_plans import MeteredPrice

# The longest sum of quantities times the longest amount has fewer digits.
_EXACT = Context(prec=100, rounding=ROUND_HALF_UP)
_ZERO = Decimal(0)
_ONE = Decimal(1)
_MICROSECOND = timedelta(microseconds=1)

_MORE_PLACES = 3
"""So many decimals more than what was used has a projection."""

_STEADY_AFTER = timedelta(days=1)
_STEADY_SHARE = 10


def included(price: MeteredPrice) -> Decimal | None:
    """Return the quantity that costs nothing: the first tiers of a graduated price while they are free.

    None where nothing is included, and where everything is: there is no limit to be measured against. The
    free first tier of a volume price is none either, because with the next tier all of it is paid for.
    """
    if price.tiers_mode != "graduated":
        return None
    free: int | None = 0
    for tier in price.tiers:
        if tier.unit_amount or tier.flat_amount:
            return _EXACT.multiply(Decimal(free), Decimal(price.transform_divide_by or 1)) if free else None
        free = tier.up_to
    return None


def overage_price(price: MeteredPrice, quantity: Decimal) -> Decimal | None:
    """Return what the next unit beyond the included ones and `quantity` costs, in minor units.

    The next package where the price counts packages. None where the price has no amount.
    """
    if price.billing_scheme != "tiered":
        return price.unit_amount
    beyond = max(_priced(price, quantity), _priced(price, included(price) or _ZERO))
    for tier in price.tiers:
        if tier.up_to is None or beyond < tier.up_to:
            return tier.unit_amount or _ZERO
    return None


def cost(price: MeteredPrice, quantity: Decimal) -> Money:
    """Return what a quantity of one period costs before discounts and taxes; never below zero.

    The flat fee of the first tier is charged also where nothing was used.
    """
    units = _priced(price, max(quantity, _ZERO))
    if price.billing_scheme != "tiered":
        lines = [(units, price.unit_amount)]
    elif price.tiers_mode == "volume":
        reached = [tier for tier in price.tiers if tier.up_to is None or units <= tier.up_to][:1]
        lines = [line for tier in reached for line in ((units, tier.unit_amount), (_ONE, tier.flat_amount))]
    else:
        lines = [
            line
            for within, tier in graduated_split(price.tiers, units)
            for line in ((within, tier.unit_amount), (_ONE, tier.flat_amount))
        ]
    total = sum(_rounded(count, amount or _ZERO) for count, amount in lines)
    return Money(max(total, 0), price.currency)


def graduated_split(tiers: tuple[PriceTier, ...], units: Decimal) -> Iterator[tuple[Decimal, PriceTier]]:
    """Yield the units of each tier that a quantity reaches; they sum to it. Nothing reaches the first one."""
    below = _ZERO
    for tier in tiers:
        top = units if tier.up_to is None else min(units, Decimal(tier.up_to))
        if top > below or below == 0:
            yield _EXACT.subtract(top, below), tier
        below = top
        if tier.up_to is None or units <= tier.up_to:
            return


def projected_use(aggregation: Aggregation, used: Decimal, period: Period, now: datetime) -> Decimal:
    """Return what will have been used at the period's end, if it goes on as so far.

    What adds up goes on at its average rate since the period began: used x length / elapsed. Within the first
    day, or the first tenth of a shorter period, that much counts as elapsed, so that the first event does not
    promise a fortune. A largest or latest value, and the number of different ones, are what stands now:
    nothing says how they go on.

    A sum has three decimals more than what was used, a count has none.
    """
    length = period.end - period.start
    elapsed = max(now - period.start, min(_STEADY_AFTER, length / _STEADY_SHARE))
    if not aggregation.is_additive or elapsed >= length:
        return used
    rate = _EXACT.divide(Decimal(length // _MICROSECOND), Decimal(elapsed // _MICROSECOND))
    places = 0 if aggregation is Aggregation.COUNT else min(_places(used) + _MORE_PLACES, DECIMAL_PLACES)
    return _EXACT.quantize(_EXACT.multiply(used, rate), Decimal(1).scaleb(-places))


def _priced(price: MeteredPrice, quantity: Decimal) -> Decimal:
    """Return how many units a quantity is priced as: whole packages where the price counts those."""
    if price.transform_divide_by is None:
        return quantity
    packages = _EXACT.divide(quantity, Decimal(price.transform_divide_by))
    return packages.to_integral_value(ROUND_CEILING if price.transform_round == "up" else ROUND_FLOOR)


def _rounded(units: Decimal, amount: Decimal) -> int:
    return int(_EXACT.multiply(units, amount).to_integral_value(ROUND_HALF_UP))


def _places(quantity: Decimal) -> int:
    exponent = quantity.normalize(_EXACT).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
