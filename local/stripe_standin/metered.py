"""Prices that count: their tiers, and the meter behind them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from local.stripe_standin.errors import StripeError, missing_param
from local.stripe_standin.params import Choice, Integer, ListOf, Number, Shape, Text
from local.stripe_standin.totals import decimal_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local.stripe_standin.call import Call
    from local.stripe_standin.store import Json

RECURRING = Shape(
    {
        "interval": Choice(("day", "month", "week", "year")),
        "interval_count": Integer(1),
        "meter": Text(),
        "usage_type": Choice(("licensed", "metered")),
    },
    ("interval",),
)
TIERS = ListOf(
    Shape(
        {
            "flat_amount": Integer(0),
            "flat_amount_decimal": Number(),
            "unit_amount": Integer(0),
            "unit_amount_decimal": Number(),
            "up_to": Text(),
        },
        ("up_to",),
    )
)


def recurring_of(call: Call, given: Json | None) -> Json | None:
    """Return how a price recurs, as Stripe shows it; a metered one names an active meter."""
    if given is None:
        return None
    usage_type = given.get("usage_type", "licensed")
    if (usage_type == "metered") != ("meter" in given):
        raise missing_param("recurring[meter]")
    if "meter" in given:
        meter = call.require("billing.meter", given["meter"], param="recurring[meter]")
        if meter["status"] != "active":
            raise StripeError("The meter of a price must be active.", param="recurring[meter]")
    return {
        "interval": given["interval"],
        "interval_count": given.get("interval_count", 1),
        "meter": given.get("meter"),
        "usage_type": usage_type,
    }


def tiers_of(given: Iterable[dict[str, Any]]) -> list[Json]:
    """Return the tiers as Stripe shows them: bounds rise, and the last has none."""
    tiers: list[Json] = []
    for index, tier in enumerate(given):
        up_to = None if tier["up_to"] == "inf" else int(tier["up_to"])
        if tiers and (tiers[-1]["up_to"] is None or (up_to is not None and up_to <= tiers[-1]["up_to"])):
            raise StripeError("Tiers must be in ascending order of up_to.", param=f"tiers[{index}][up_to]")
        tiers.append({**_amounts(tier, "flat_amount"), **_amounts(tier, "unit_amount"), "up_to": up_to})
    if not tiers or tiers[-1]["up_to"] is not None:
        raise StripeError("The last tier must have `inf` as its up_to.", param="tiers")
    return tiers


def _amounts(tier: dict[str, Any], name: str) -> Json:
    exact = tier.get(f"{name}_decimal", tier.get(name))
    if exact is None:
        return {name: None, f"{name}_decimal": None}
    amount = Decimal(exact)
    return {name: int(amount) if amount == int(amount) else None, f"{name}_decimal": decimal_text(amount)}


def is_metered(price: Json) -> bool:
    """Return whether the price is of a meter, so that its quantity is what the meter counts."""
    return price["recurring"] is not None and price["recurring"]["usage_type"] == "metered"


def without_tiers(price: Json) -> Json:
    """Return the price as Stripe shows it to whoever does not ask for its tiers."""
    return {name: value for name, value in price.items() if name != "tiers"}
