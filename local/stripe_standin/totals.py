"""Invoice arithmetic in integer minor units: discounts spread over lines, taxes per line, totals.

A discount is spread in proportion to the lines by the largest remainder, so that the parts sum to
the whole; a tax is rounded per line, half up, on what the discounts leave.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.stripe_standin.store import Json


def rounded(value: Decimal) -> int:
    """Return the nearest integer, halves away from zero."""
    return int(value.quantize(Decimal(1), ROUND_HALF_UP))


def decimal_text(value: Decimal) -> str:
    """Return a decimal as Stripe writes it: no exponent, no trailing zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def spread(total: int, weights: Sequence[int]) -> list[int]:
    """Return `total` (0 or more) split in proportion to `weights` (0 or more); the parts sum to it."""
    whole = sum(weights)
    if whole == 0:
        return [0] * len(weights)
    parts = [total * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(total * weights[i] % whole), i))
    for index in by_remainder[: total - sum(parts)]:
        parts[index] += 1
    return parts


def apply_discounts(lines: list[Json], discounts: Sequence[tuple[str, Json]]) -> None:
    """Write every line's discount_amounts for the (discount id, coupon) pairs, one after the other."""
    left = [max(line["amount"], 0) if line["discountable"] else 0 for line in lines]
    for line in lines:
        line["discount_amounts"] = []
    for discount, coupon in discounts:
        base = sum(left)
        if coupon["percent_off"] is not None:
            off = rounded(Decimal(base) * Decimal(str(coupon["percent_off"])) / 100)
        else:
            off = min(coupon["amount_off"], base)
        for index, part in enumerate(spread(off, left)):
            if left[index]:
                lines[index]["discount_amounts"].append({"amount": part, "discount": discount})
                left[index] -= part


def apply_taxes(lines: list[Json], rates: Sequence[Json]) -> None:
    """Write every line's taxes for the tax rates."""
    for line in lines:
        line["taxes"] = [_tax(line, rate) for rate in rates]


def _tax(line: Json, rate: Json) -> Json:
    base = line["amount"] - sum(part["amount"] for part in line["discount_amounts"])
    percentage = Decimal(str(rate["percentage"]))
    if rate["inclusive"]:
        taxable = rounded(Decimal(base) / (1 + percentage / 100))
        amount = base - taxable
    else:
        taxable, amount = base, rounded(Decimal(base) * percentage / 100)
    return {
        "amount": amount,
        "tax_behavior": "inclusive" if rate["inclusive"] else "exclusive",
        "tax_rate_details": {"tax_rate": rate["id"]},
        "taxability_reason": "not_available",
        "taxable_amount": taxable,
        "type": "tax_rate_details",
    }


def totals(lines: Sequence[Json], discounts: Sequence[str]) -> Json:
    """Return the invoice's amounts that follow from its lines."""
    subtotal = sum(line["amount"] for line in lines)
    off = {
        discount: sum(
            part["amount"]
            for line in lines
            for part in line["discount_amounts"]
            if part["discount"] == discount
        )
        for discount in discounts
    }
    taxes: dict[str, Json] = {}
    for tax in (tax for line in lines for tax in line["taxes"]):
        total = taxes.setdefault(
            tax["tax_rate_details"]["tax_rate"], {**tax, "amount": 0, "taxable_amount": 0}
        )
        total["amount"] += tax["amount"]
        total["taxable_amount"] += tax["taxable_amount"]
    exclusive = _sum(taxes, "exclusive")
    inclusive = _sum(taxes, "inclusive")
    net = subtotal - sum(off.values())
    return {
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal - inclusive,
        "total": net + exclusive,
        "total_excluding_tax": net - inclusive,
        "total_discount_amounts": [{"amount": off[discount], "discount": discount} for discount in discounts],
        "total_taxes": list(taxes.values()),
    }


def _sum(taxes: dict[str, Any], behavior: str) -> int:
    return sum(int(tax["amount"]) for tax in taxes.values() if tax["tax_behavior"] == behavior)
